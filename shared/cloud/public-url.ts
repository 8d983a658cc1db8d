import { z } from "zod";

/** What is served at home, never to the world; corral.find_url_fault has the same. */
export const PRIVATE_SUFFIXES = ["localhost", "local", "localdomain", "internal", "intranet", "lan", "home.arpa"];

/** IPv4 ranges that are no public servers: https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast. */
const PRIVATE_IPV4: [network: string, bits: number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
  // What Azure's virtual machines ask for their secrets is of the public range.
  ["168.63.129.16", 32],
];

/** The hosts that jobs may fetch from wherever they lie, by http too: `host:port`, comma-separated. */
export const allowedHosts = z
  .string()
  .default("")
  .transform((text, context) => {
    const entries = text.split(",").map((entry) => entry.trim());
    const hosts = new Set<string>();
    for (const entry of entries.filter((one) => one !== "")) {
      const url = URL.canParse(`https://${entry}`) ? new URL(`https://${entry}`) : undefined;
      const isHost = url !== undefined && /^[^/@?#\\]+$/.test(entry);
      if (isHost) hosts.add(hostAndPort(url));
      else context.addIssue(`has "${entry}", which is no host:port`);
    }
    return hosts;
  });

export type AllowedHosts = ReadonlySet<string>;

/**
 * Why a job must not fetch a URL, as what follows a subject; undefined for one that it may. Names are judged by what they
 * are: what they resolve to has to pass `isPublicAddress` when the connection is made.
 */
export function whyNotPublic(text: string, allowed: AllowedHosts): string | undefined {
  if (!URL.canParse(text)) return "is no URL";
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") return "is no https URL";
  if (url.username !== "" || url.password !== "") return "must not hold a user name or a password";
  if (allowed.has(hostAndPort(url))) return undefined;
  if (url.protocol !== "https:") return "must begin with https://";
  return isPublicHost(url.hostname) ? undefined : `leads to ${url.hostname}, which is no public address`;
}

function isPublicHost(hostname: string): boolean {
  if (hostname.startsWith("[")) return isPublicAddress(hostname.slice(1, -1));
  const name = hostname.replace(/\.$/, "");
  // URL parsers write all that counts as an IPv4 address, 0x7f.1 say, as four decimal numbers.
  if (/^[\d.]+$/.test(name)) return isPublicAddress(name);
  return name.includes(".") && !PRIVATE_SUFFIXES.some((suffix) => name.endsWith(`.${suffix}`));
}

function hostAndPort({ protocol, hostname, port }: URL): string {
  return `${hostname}:${port || (protocol === "http:" ? "80" : "443")}`;
}

/**
 * Whether an IP address is one of the public internet: none of loopback, private, shared, link-local, documentation,
 * multicast or reserved ranges, and none of those that carry an IPv4 address inside. False for what is no address.
 */
export function isPublicAddress(ip: string): boolean {
  const v4 = parseIpv4(ip);
  if (v4 !== undefined) return !PRIVATE_IPV4.some(([network, bits]) => isWithin(v4, network, bits));
  const v6 = parseIpv6(ip);
  return v6 !== undefined && isPublicIpv6(v6);
}

/** Of IPv6 only 2000::/3 is given out; of that, what is special or leads to an IPv4 address is not public either. */
function isPublicIpv6(groups: number[]): boolean {
  const [first = 0, second = 0, , , fifth = 0, sixth = 0] = groups;
  if (first >>> 13 !== 1) return false;
  const isSpecial = first === 0x2001 && second < 0x0200;
  const isDocumentation = (first === 0x2001 && second === 0x0db8) || (first === 0x3fff && second < 0x1000);
  const is6to4 = first === 0x2002;
  const isIsatap = (fifth === 0x0000 || fifth === 0x0200) && sixth === 0x5efe;
  return !(isSpecial || isDocumentation || is6to4 || isIsatap);
}

function isWithin(address: number, network: string, bits: number): boolean {
  const shift = 32 - bits;
  return address >>> shift === (parseIpv4(network) ?? 0) >>> shift;
}

/** Four decimal numbers, and none of the other ways to write an address: those are for URL parsers to normalise. */
function parseIpv4(text: string): number | undefined {
  if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) return undefined;
  const bytes = text.split(".").map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes.reduce((sum, byte) => sum * 256 + byte, 0) : undefined;
}

/** The eight groups of an address; URL parsers know every way to write one. */
function parseIpv6(text: string): number[] | undefined {
  const url = `http://[${text}]`;
  if (!text.includes(":") || !/^[\da-f:.]+$/i.test(text) || !URL.canParse(url)) return undefined;
  const [head = "", tail] = new URL(url).hostname.slice(1, -1).split("::");
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

const groupsOf = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
