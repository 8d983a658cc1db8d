import { describe, expect, test } from "vitest";
import { allowedHosts, isPublicAddress, whyNotPublic } from "../../../shared/cloud/public-url.ts";

const NONE = allowedHosts.parse(undefined);

describe("an address is public", () => {
  test.each([
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001:82a::200e",
    "2a00:1450:4001:82a:0:1:2:3",
    "3ffe::1",
  ])("at %s", (ip) => {
    expect(isPublicAddress(ip)).toBe(true);
  });
});

describe("an address is not public", () => {
  test.each([
    ["this network", "0.0.0.0"],
    ["this network's end", "0.255.255.255"],
    ["private", "10.0.0.1"],
    ["private, the end", "10.255.255.255"],
    ["carrier-grade NAT", "100.64.0.0"],
    ["carrier-grade NAT, the end", "100.127.255.255"],
    ["a cloud's metadata in it", "100.100.100.200"],
    ["loopback", "127.0.0.1"],
    ["loopback, the end", "127.255.255.255"],
    ["link-local", "169.254.0.1"],
    ["a cloud's metadata", "169.254.169.254"],
    ["containers' credentials", "169.254.170.2"],
    ["private", "172.16.0.1"],
    ["private, the end", "172.31.255.255"],
    ["protocol assignments", "192.0.0.192"],
    ["documentation", "192.0.2.1"],
    ["6to4 relays", "192.88.99.1"],
    ["private", "192.168.0.1"],
    ["benchmarks", "198.18.0.1"],
    ["benchmarks, the end", "198.19.255.255"],
    ["documentation", "198.51.100.1"],
    ["documentation", "203.0.113.1"],
    ["multicast", "224.0.0.1"],
    ["multicast, the end", "239.255.255.255"],
    ["reserved", "240.0.0.1"],
    ["broadcast", "255.255.255.255"],
    ["a host's own agent", "168.63.129.16"],
    ["unspecified", "::"],
    ["loopback", "::1"],
    ["loopback in full", "0:0:0:0:0:0:0:1"],
    ["IPv4 mapped", "::ffff:127.0.0.1"],
    ["IPv4 mapped, a public one", "::ffff:8.8.8.8"],
    ["IPv4 mapped in hex", "::ffff:7f00:1"],
    ["IPv4 mapped in full", "0:0:0:0:0:ffff:a9fe:a9fe"],
    ["IPv4 translated", "::ffff:0:127.0.0.1"],
    ["IPv4 compatible", "::127.0.0.1"],
    ["NAT64", "64:ff9b::7f00:1"],
    ["NAT64 with a local prefix", "64:ff9b:1::a00:1"],
    ["6to4", "2002:7f00:1::"],
    ["Teredo", "2001:0:7f00:1::"],
    ["ISATAP", "2a00:1450::5efe:7f00:1"],
    ["ISATAP of a unique address", "2a00:1450::200:5efe:a00:1"],
    ["ORCHID", "2001:20::1"],
    ["discard", "100::1"],
    ["documentation", "2001:db8::1"],
    ["documentation", "3fff::1"],
    ["unique local", "fc00::1"],
    ["a cloud's metadata", "fd00:ec2::254"],
    ["link-local", "fe80::1"],
    ["link-local with its zone", "fe80::1%eth0"],
    ["site-local", "fec0::1"],
    ["multicast", "ff02::1"],
    ["segment routing", "5f00::1"],
    ["no address", ""],
    ["a name", "example.org"],
    ["a number", "2130706433"],
    ["three numbers", "8.8.8"],
    ["a byte too large", "8.8.8.256"],
    ["hex digits", "0x8.8.8.8"],
    ["octal digits, private to those who read them so", "012.1.1.1"],
    ["half an address", "2a00:"],
    ["too long an address", "2a00:1:2:3:4:5:6:7:8"],
    ["a bracket", "2a00::1]:80/[::1"],
  ])("%s: %s", (_, ip) => {
    expect(isPublicAddress(ip)).toBe(false);
  });
});

describe("a job may fetch", () => {
  test.each([
    "https://example.org/data.csv",
    "https://example.org:8443/data.csv?a=b#c",
    "HTTPS://EXAMPLE.ORG/data.csv",
    "https://example.org./data.csv",
    "https://bücher.example/data.csv",
    "https://local.example.org/data.csv",
    "https://internal.org/",
    "https://8.8.8.8/data.csv",
    "https://[2606:4700:4700::1111]/data.csv",
  ])("%s", (url) => {
    expect(whyNotPublic(url, NONE)).toBeUndefined();
  });
});

describe("a job must not fetch", () => {
  test.each([
    ["https://127.0.0.1/", "leads to 127.0.0.1, which is no public address"],
    ["https://2130706433/", "leads to 127.0.0.1, which is no public address"],
    ["https://0x7f000001/", "leads to 127.0.0.1, which is no public address"],
    ["https://0x7f.1/", "leads to 127.0.0.1, which is no public address"],
    ["https://0177.0.0.1/", "leads to 127.0.0.1, which is no public address"],
    ["https://127.1/", "leads to 127.0.0.1, which is no public address"],
    ["https://127.0.0.1./", "leads to 127.0.0.1, which is no public address"],
    ["https://１２７.０.０.１/", "leads to 127.0.0.1, which is no public address"],
    ["https://%31%32%37.0.0.1/", "leads to 127.0.0.1, which is no public address"],
    ["https:\\\\127.0.0.1\\", "leads to 127.0.0.1, which is no public address"],
    ["https://0/", "leads to 0.0.0.0, which is no public address"],
    ["https://169.254.169.254/latest/meta-data", "leads to 169.254.169.254, which is no public address"],
    ["https://2852039166/", "leads to 169.254.169.254, which is no public address"],
    ["https://[::1]/", "leads to [::1], which is no public address"],
    ["https://[::]/", "leads to [::], which is no public address"],
    ["https://[::ffff:169.254.169.254]/", "leads to [::ffff:a9fe:a9fe], which is no public address"],
    ["https://[fe80::1]/", "leads to [fe80::1], which is no public address"],
    ["https://[fd00:ec2::254]/", "leads to [fd00:ec2::254], which is no public address"],
    ["https://localhost/", "leads to localhost, which is no public address"],
    ["https://LOCALHOST:8443/", "leads to localhost, which is no public address"],
    ["https://localhost./", "leads to localhost., which is no public address"],
    ["https://a.localhost/", "leads to a.localhost, which is no public address"],
    ["https://printer.local/", "leads to printer.local, which is no public address"],
    ["https://metadata.google.internal/", "leads to metadata.google.internal, which is no public address"],
    ["https://metadata.google.internal./", "leads to metadata.google.internal., which is no public address"],
    ["https://metadata/", "leads to metadata, which is no public address"],
    ["https://router.home.arpa/", "leads to router.home.arpa, which is no public address"],
    ["https://ada:lovelace@example.org/", "must not hold a user name or a password"],
    ["https://127.0.0.1@example.org/", "must not hold a user name or a password"],
    ["https://:lovelace@example.org/", "must not hold a user name or a password"],
    ["http://example.org/", "must begin with https://"],
    ["http://127.0.0.1/", "must begin with https://"],
    ["ftp://example.org/", "is no https URL"],
    ["file:///etc/passwd", "is no https URL"],
    ["data:text/csv,a", "is no https URL"],
    ["gs://bucket/object", "is no https URL"],
    ["example.org", "is no URL"],
    ["https://", "is no URL"],
    ["https://127.0.0.1.999/", "is no URL"],
  ])("%s, which %s", (url, reason) => {
    expect(whyNotPublic(url, NONE)).toBe(reason);
  });
});

describe("hosts that are allowed by name", () => {
  const allowed = allowedHosts.parse("127.0.0.1:9199, Data.Internal:80,[::1]:8443,mirror.lan");

  test.each([
    "http://127.0.0.1:9199/a",
    "https://127.0.0.1:9199/a",
    "http://0x7f.1:9199/a",
    "http://data.internal/a",
    "https://[0:0:0:0:0:0:0:1]:8443/a",
    "https://mirror.lan/a",
  ])("may be fetched from: %s", (url) => {
    expect(whyNotPublic(url, allowed)).toBeUndefined();
  });

  test.each(["http://127.0.0.1:9198/a", "https://data.internal/a", "http://mirror.lan/a", "https://ada@mirror.lan/a"])(
    "allow nothing beside them: %s",
    (url) => {
      expect(whyNotPublic(url, allowed)).toBeDefined();
    },
  );

  test("may be none", () => {
    expect(allowedHosts.parse("")).toEqual(new Set());
    expect(allowedHosts.parse(" , ")).toEqual(new Set());
  });

  test.each(["https://example.org", "example.org/a", "a@b:80", "a b", "x:99999"])("refuse what is none: %s", (text) => {
    const { error } = allowedHosts.safeParse(`127.0.0.1:1,${text}`);
    expect(error?.issues[0]?.message).toBe(`has "${text}", which is no host:port`);
  });
});
