import {
  type AmqpValue,
  DecodeError,
  decodeValue,
  type EncodedEntry,
  encodedEntries,
  encodedItems,
} from "./value.ts";

/** The map in the body of a request, read by key. Every method throws DecodeError on another type. */
export class ManagementBody {
  readonly #entries: ReadonlyMap<string, Buffer>;

  constructor(body: Buffer) {
    const entries = encodedEntries(body);
    this.#entries = new Map(entries.map((entry) => [entry.key, entry.value]));
  }

  #value(key: string): AmqpValue {
    const encoded = this.#entries.get(key);
    return encoded === undefined ? null : decodeValue(encoded);
  }

  #required(key: string, kind: string): DecodeError {
    return new DecodeError(`'${key}' has to be ${kind}`);
  }

  text(key: string): string {
    const value = this.#value(key);
    if (typeof value !== "string") throw this.#required(key, "a string");
    return value;
  }

  optionalText(key: string): string | undefined {
    return this.#value(key) === null ? undefined : this.text(key);
  }

  integer(key: string): number {
    const value = this.#value(key);
    if (typeof value !== "number" || !Number.isInteger(value)) {
      throw this.#required(key, "a whole number");
    }
    return value;
  }

  flag(key: string): boolean {
    return this.#value(key) === true;
  }

  date(key: string): Date {
    const value = this.#value(key);
    if (!(value instanceof Date)) throw this.#required(key, "a timestamp");
    return value;
  }

  optionalBinary(key: string): Buffer | undefined {
    const value = this.#value(key);
    if (value === null) return undefined;
    if (!Buffer.isBuffer(value)) throw this.#required(key, "a binary");
    return value;
  }

  #array(key: string): readonly AmqpValue[] {
    const value = this.#value(key);
    if (!Array.isArray(value)) throw this.#required(key, "an array");
    return value;
  }

  /** Numbers that do not fit a safe integer match no message. */
  integers(key: string): number[] {
    return this.#array(key).map((value) => (typeof value === "number" ? value : -1));
  }

  binaries(key: string): Buffer[] {
    return this.#array(key).map((value) => {
      if (!Buffer.isBuffer(value)) throw this.#required(key, "an array of uuids");
      return value;
    });
  }

  /** The maps of a list. */
  maps(key: string): ManagementBody[] {
    const encoded = this.#entries.get(key);
    if (encoded === undefined) throw this.#required(key, "a list");
    return encodedItems(encoded).map((item) => new ManagementBody(item));
  }

  /** The entries of a map with their types; empty when there is none. */
  properties(key: string): readonly EncodedEntry[] {
    const encoded = this.#entries.get(key);
    if (encoded === undefined || decodeValue(encoded) === null) return [];
    return encodedEntries(encoded);
  }
}
