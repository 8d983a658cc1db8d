import { JobFailure } from "../../job-failure.ts";
import type { ResultFile } from "../result-file.ts";
import { PickleCursor } from "./pickle-cursor.ts";
import { isKind, type PickleDict, type PickleStorage, type PickleValue } from "./pickle-values.ts";
import { rebuild, requireKnownGlobal, toStorage } from "./torch-globals.ts";

export interface Unpickled {
  root: PickleValue;
  /** Every storage that the pickle names, by its key: whoever loads it wants them all. */
  storages: Map<string, PickleStorage>;
  /** How long the pickle is. */
  bytes: number;
}

/** A state dict takes some forty steps per tensor. */
const MOST_STEPS = 4_000_000;
const STOP = 0x2e;

/**
 * Reads the pickle of a state dict without executing it: only what torch.load(weights_only=True) reads, of protocol 2,
 * and of the names in it only those that a state dict needs. The steps are those of CPython's Lib/pickletools.py.
 */
export function unpickle(pickle: Buffer, result: ResultFile): Unpickled {
  try {
    return new Unpickler(pickle, result).run();
  } catch (error) {
    if (error instanceof JobFailure) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const message = `Cannot average ${result.label}: its pickle is not sound: ${why}.`;
    throw new JobFailure("result_unreadable", message, { cause: error });
  }
}

class Unpickler {
  readonly #cursor: PickleCursor;
  readonly #result: ResultFile;
  readonly #storages = new Map<string, PickleStorage>();
  readonly #memo = new Map<number, PickleValue>();
  /** Stacks below the last mark. */
  readonly #marked: PickleValue[][] = [];
  #stack: PickleValue[] = [];

  constructor(pickle: Buffer, result: ResultFile) {
    this.#cursor = new PickleCursor(pickle);
    this.#result = result;
  }

  run(): Unpickled {
    for (let steps = 0; steps < MOST_STEPS; steps++) {
      const step = this.#cursor.byte();
      if (step === STOP) return { root: this.#pop(), storages: this.#storages, bytes: this.#cursor.position };
      const value = this.#read(step);
      if (value !== undefined) this.#stack.push(value);
      else this.#act(step);
    }
    throw new Error(`it takes more than ${MOST_STEPS} steps`);
  }

  /** The value that a step puts onto the stack; undefined when that is not what it does. */
  #read(step: number): PickleValue | undefined {
    switch (step) {
      case 0x4e: // NONE
        return null;
      case 0x88: // NEWTRUE
        return true;
      case 0x89: // NEWFALSE
        return false;
      case 0x4b: // BININT1
        return this.#cursor.byte();
      case 0x4d: // BININT2
        return this.#cursor.take(2).readUInt16LE();
      case 0x4a: // BININT
        return this.#cursor.take(4).readInt32LE();
      case 0x8a: // LONG1
        return this.#cursor.integer(this.#cursor.byte());
      case 0x47: // BINFLOAT
        return this.#cursor.take(8).readDoubleBE();
      case 0x58: // BINUNICODE
        return this.#cursor.take(this.#cursor.uint32()).toString("utf8");
      case 0x29: // EMPTY_TUPLE
        return { kind: "tuple", items: [] };
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return { kind: "tuple", items: Array.from({ length: step - 0x84 }, () => this.#pop()).reverse() };
      case 0x74: // TUPLE
        return { kind: "tuple", items: this.#popMarked() };
      case 0x5d: // EMPTY_LIST
        return { kind: "list", items: [] };
      case 0x7d: // EMPTY_DICT
        return { kind: "dict", isOrdered: false, entries: new Map(), attributes: [] };
      case 0x68: // BINGET
        return this.#recall(this.#cursor.byte());
      case 0x6a: // LONG_BINGET
        return this.#recall(this.#cursor.uint32());
      case 0x63: // GLOBAL
        return this.#name();
      case 0x51: // BINPERSID
        return this.#storage();
      case 0x52: // REDUCE
        return this.#reduce();
      default:
        return undefined;
    }
  }

  #act(step: number): void {
    switch (step) {
      case 0x80: // PROTO
        this.#requireProtocol(this.#cursor.byte());
        break;
      case 0x28: // MARK
        this.#marked.push(this.#stack);
        this.#stack = [];
        break;
      case 0x71: // BINPUT
        this.#memo.set(this.#cursor.byte(), this.#top());
        break;
      case 0x72: // LONG_BINPUT
        this.#memo.set(this.#cursor.uint32(), this.#top());
        break;
      case 0x61: // APPEND
        this.#append([this.#pop()]);
        break;
      case 0x65: // APPENDS
        this.#append(this.#popMarked());
        break;
      case 0x73: // SETITEM
        this.#setItems([this.#pop(), this.#pop()].reverse());
        break;
      case 0x75: // SETITEMS
        this.#setItems(this.#popMarked());
        break;
      case 0x62: // BUILD
        this.#build();
        break;
      default:
        throw new Error(`it has a step 0x${step.toString(16)} that no state dict needs`);
    }
  }

  #name(): PickleValue {
    const name = `${this.#cursor.line()}.${this.#cursor.line()}`;
    requireKnownGlobal(name, this.#result);
    return { kind: "global", name };
  }

  #storage(): PickleValue {
    const storage = toStorage(this.#pop());
    if (storage === undefined) throw new Error("it refers to something else than a storage");
    const known = this.#storages.get(storage.key);
    if (known === undefined) this.#storages.set(storage.key, storage);
    else if (known.type !== storage.type || known.elements !== storage.elements)
      throw new Error(`it describes the storage ${JSON.stringify(storage.key)} in two ways`);
    return known ?? storage;
  }

  #reduce(): PickleValue {
    const args = this.#pop();
    const callee = this.#pop();
    const value = isKind(callee, "global") && isKind(args, "tuple") ? rebuild(callee.name, args.items) : undefined;
    if (value !== undefined) return value;
    const name = isKind(callee, "global") ? callee.name : "something without a name";
    throw new Error(`it calls ${name} as torch.save never does for a dense tensor`);
  }

  /** Only an OrderedDict has attributes of its own. */
  #build(): void {
    const attributes = this.#pop();
    const target = this.#top();
    if (!isKind(target, "dict") || !target.isOrdered || !isKind(attributes, "dict"))
      throw new Error("it gives attributes to something else than an OrderedDict");
    target.attributes.push(attributes);
  }

  #append(items: PickleValue[]): void {
    const list = this.#top();
    if (!isKind(list, "list")) throw new Error("it appends to something else than a list");
    for (const item of items) list.items.push(item);
  }

  #setItems(items: PickleValue[]): void {
    const dict = this.#top();
    if (!isKind(dict, "dict") || items.length % 2 === 1) throw new Error("it sets items of something else than a dict");
    for (let index = 0; index < items.length; index += 2) setItem(dict, items[index], items[index + 1] ?? null);
  }

  #requireProtocol(protocol: number): void {
    if (protocol !== 2) throw new Error(`it is of protocol ${protocol}; save it with torch.save's default, 2`);
  }

  #recall(slot: number): PickleValue {
    const value = this.#memo.get(slot);
    if (value === undefined) throw new Error(`it recalls slot ${slot}, where nothing is`);
    return value;
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined) throw new Error("it takes from an empty stack");
    return value;
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined) throw new Error("it looks at an empty stack");
    return value;
  }

  #popMarked(): PickleValue[] {
    const items = this.#stack;
    const below = this.#marked.pop();
    if (below === undefined) throw new Error("it goes back to a mark that was never set");
    this.#stack = below;
    return items;
  }
}

/** Keys are told apart by their type too: 1 is not "1". */
function setItem(dict: PickleDict, key: PickleValue | undefined, value: PickleValue): void {
  if (key === undefined || (typeof key === "object" && key !== null))
    throw new Error("it has a key that is neither a text nor a number");
  dict.entries.set(`${typeof key} ${key}`, { key: String(key), value });
}
