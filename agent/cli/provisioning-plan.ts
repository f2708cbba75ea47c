import { checkPayload } from "../core/scim/payload-check.ts";
import { isObject } from "../core/scim/resource.ts";
import type { SchemaDefinition } from "../core/scim/schema.ts";
import type { PlannedRequest } from "../service/provisioning.ts";
import { printable, printTable } from "./table.ts";

/** Of one request, in the table: what it changes, in characters. */
const MAX_WHAT = 100;

/** What a dry run would send, and what the target's schemas say to it. */
export class Plan {
  readonly #requests: PlannedRequest[] = [];
  /** Undefined while nothing has been compared: the target has no `/Schemas`. */
  #problems: ReadonlyMap<PlannedRequest, readonly string[]> | undefined;

  /** Options of the service that collect it. */
  readonly watch = { onPlanned: (request: PlannedRequest) => void this.#requests.push(request) };

  get size(): number {
    return this.#requests.length;
  }

  /**
   * Compares the payloads with the target's schemas, when there are any of both.
   * @param read of the target
   * @throws what `read` throws
   */
  async check(
    read: (signal: AbortSignal) => Promise<readonly SchemaDefinition[] | undefined>,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.size === 0) return;
    const schemas = await read(signal);
    if (schemas === undefined) return;
    this.#problems = new Map(
      this.#requests.map((request) => [request, checkPayload(request, schemas)]),
    );
  }

  /** For a script. `problems` of a request are there when the target has schemas. */
  toJson() {
    const requests = this.#requests.map((request) => {
      const problems = this.#problems?.get(request);
      return problems === undefined ? request : { ...request, problems };
    });
    return { requests, schemasChecked: this.#problems !== undefined };
  }

  /** One row for each request. */
  printTable(): readonly string[] {
    if (this.size === 0) return this.#summary();
    const rows = this.#requests.map((request) => [
      request.method,
      request.path,
      whatOf(request.body),
      (this.#problems?.get(request) ?? []).join("; "),
    ]);
    return [printTable(["method", "path", "what", "problems"], rows), ...this.#summary()];
  }

  /** Each request whole. */
  printRequests(): readonly string[] {
    const lines = this.#requests.flatMap((request) => [
      `-> ${request.method} ${request.path}`,
      ...(request.body === undefined ? [] : [`   ${JSON.stringify(request.body)}`]),
      ...(this.#problems?.get(request) ?? []).map((problem) => `   problem: ${problem}`),
    ]);
    return [...lines.map(printable), ...this.#summary()];
  }

  #summary(): readonly string[] {
    const lines = [`dry run: ${this.size} requests would be sent`];
    if (this.size === 0) return lines;
    if (this.#problems === undefined) {
      lines.push("the target has no /Schemas that the payloads could be compared with");
    } else {
      const wrong = [...this.#problems.values()].filter(({ length }) => length > 0).length;
      lines.push(`of their payloads ${wrong} do not fit the target's /Schemas`);
    }
    return lines;
  }
}

/** What a write is about: the name of what is created, or the operations of a PATCH. */
function whatOf(body: unknown): string {
  if (!isObject(body)) return "";
  const operations = body["Operations"];
  const what = Array.isArray(operations)
    ? operations.map(operationText).join(", ")
    : String(body["userName"] ?? body["displayName"] ?? "");
  return what.length > MAX_WHAT ? `${what.slice(0, MAX_WHAT - 1)}…` : what;
}

function operationText(operation: unknown): string {
  if (!isObject(operation)) return "";
  const { op, path, value } = operation;
  const verb = String(op).toLowerCase();
  if (typeof path === "string") {
    return Array.isArray(value) ? `${verb} ${path} (${value.length})` : `${verb} ${path}`;
  }
  return `${verb} ${isObject(value) ? Object.keys(value).join(" ") : ""}`;
}
