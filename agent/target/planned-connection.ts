import { isObject } from "../core/scim/resource.ts";
import type { Connection, HttpRequest, HttpResult } from "./http-connection.ts";
import { parseJson } from "./scim-answer.ts";

/** A write that would have been sent. */
export interface PlannedRequest {
  readonly method: HttpRequest["method"];
  /** Decoded, with the base path of the target. */
  readonly path: string;
  readonly body: unknown;
}

/** Ids of resources that were not created. */
const PLANNED_ID = /planned-\d+/;
const HEADERS: ReadonlyMap<string, string> = new Map([["content-type", "application/scim+json"]]);

/**
 * Sends what reads and answers itself what writes, as a target would that takes everything: so a dry run goes the same way
 * as any other, and changes nothing.
 */
export class PlannedConnection implements Connection {
  readonly #real: Connection;
  readonly #onPlanned: (request: PlannedRequest) => void;
  #created = 0;

  constructor(real: Connection, onPlanned: (request: PlannedRequest) => void) {
    this.#real = real;
    this.#onPlanned = onPlanned;
  }

  /** @throws the signal's reason */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpResult> {
    signal.throwIfAborted();
    const { method } = request;
    const path = decodeURIComponent(request.path);
    if (method === "GET") {
      // The target cannot know what was only planned.
      return PLANNED_ID.test(path) ? answered(404, undefined) : this.#real.send(request, signal);
    }
    const body = request.body === undefined ? undefined : parseJson(request.body);
    this.#onPlanned({ method, path, body });
    if (method !== "POST") return answered(204, undefined);
    return answered(201, { ...(isObject(body) ? body : {}), id: `planned-${++this.#created}` });
  }

  async close(): Promise<void> {
    await this.#real.close();
  }
}

function answered(status: number, body: unknown): HttpResult {
  const text = body === undefined ? "" : JSON.stringify(body);
  return { kind: "answered", status, headers: HEADERS, text };
}
