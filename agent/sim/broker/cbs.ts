import type { Access } from "./access.ts";
import { parseAddress } from "./address.ts";
import { entityNotFound } from "./refusal.ts";
import type { Request, Response } from "./request.ts";
import { type AccessRule, verifySas } from "./sas.ts";
import { decodeValue } from "./value.ts";

interface CbsOptions {
  readonly rules: readonly AccessRule[];
  readonly access: Access;
  /** Whether there is such a queue (lower case). */
  readonly exists: (queue: string) => boolean;
  /** Milliseconds since 1970 (UTC). */
  readonly now: () => number;
}

const SAS_TOKEN = "servicebus.windows.net:sastoken";

/** Claims-based security (AMQP CBS working draft 4): `put-token` with a shared access signature. */
export function putToken(request: Request, options: CbsOptions): Response {
  if (request.operation !== "put-token") {
    return { status: 400, description: "BadRequest: the operation is not known." };
  }
  const audience = request.properties.get("name");
  const type = request.properties.get("type");
  const token = decodeValue(request.body);
  if (typeof audience !== "string" || typeof token !== "string") {
    return { status: 400, description: "BadRequest: the token or its audience is missing." };
  }
  if (type !== SAS_TOKEN) {
    return { status: 401, description: "InvalidToken: only shared access signatures are known." };
  }
  const verdict = verifySas(token, audience, options.rules, options.now());
  if (!verdict.valid) return { status: 401, description: verdict.because };
  const { queue } = parseAddress(verdict.path);
  if (queue !== "" && !options.exists(queue)) {
    return { status: 404, description: entityNotFound(audience).description };
  }
  if (!options.access.grant(verdict.path, verdict.expiresAt)) {
    return { status: 403, description: "The connection has put too many tokens." };
  }
  return { status: 202, description: "Accepted" };
}
