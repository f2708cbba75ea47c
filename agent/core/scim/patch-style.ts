import type { JsonObject } from "./attribute-value.ts";
import type { PatchMessage, PatchOperation } from "./patch-operation.ts";

/**
 * How a client writes a PATCH: `rfc7644`, the default job of Microsoft Entra (`entra`), or that job with the flag
 * `aadOptscim062020` in the tenant URL.
 */
export type PatchStyle = "rfc7644" | "entra" | "aadOptscim062020";

/** An operation as it is sent. */
export type WrittenOperation = PatchMessage["Operations"][number];

const CAPITALISED = { add: "Add", replace: "Replace", remove: "Remove" } as const;

/** The operations of one PATCH in the order in which they are to be applied. */
export class PatchWriter {
  readonly style: PatchStyle;
  readonly #operations: WrittenOperation[] = [];
  /** Those that the flag puts into one operation without a path. */
  readonly #simple: WrittenOperation[] = [];

  constructor(style: PatchStyle) {
    this.style = style;
  }

  write(op: PatchOperation["op"], path: string, value?: unknown): void {
    this.#operations.push(this.#written(op, path, value));
  }

  /** Writes the change of a single-valued simple attribute or sub-attribute; undefined for no value. */
  writeChange(path: string, before: unknown, after: unknown): void {
    if (before === after) return;
    if (after === undefined) {
      this.write("remove", path);
      return;
    }
    const written = this.#written(before === undefined ? "add" : "replace", path, after);
    (this.style === "aadOptscim062020" ? this.#simple : this.#operations).push(written);
  }

  finish(): readonly WrittenOperation[] {
    if (this.#simple.length < 2) return [...this.#operations, ...this.#simple];
    const value = Object.fromEntries(this.#simple.map((each) => [each.path, each.value]));
    return [...this.#operations, { op: "replace", value }];
  }

  #written(op: PatchOperation["op"], path: string, value: unknown): WrittenOperation {
    const entra = this.style === "entra";
    return {
      op: entra ? CAPITALISED[op] : op,
      path,
      ...(value === undefined ? {} : { value: entra ? withTextBooleans(value) : value }),
    };
  }
}

function withTextBooleans(value: unknown): unknown {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return value.map(withTextBooleans);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value as JsonObject);
  return Object.fromEntries(members.map(([name, each]) => [name, withTextBooleans(each)]));
}
