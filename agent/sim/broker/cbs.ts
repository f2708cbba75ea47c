import type { Access } from "./access.ts";
import type { AccessRule } from "./access-rule.ts";
import { parseAddress } from "./address.ts";
import { verifyJwt } from "./jwt.ts";
import { entityNotFound } from "./refusal.ts";
import type { Request, Response } from "./request.ts";
import { type TokenVerdict, verifySas } from "./sas.ts";
import { decodeValue } from "./value.ts";

interface CbsOptions {
  readonly rules: readonly AccessRule[];
  /** Verifies tokens of type `jwt`; undefined when all of them are refused. */
  readonly jwtKey: string | undefined;
  readonly access: Access;
  /** Whether there is such a queue (lower case). */
  readonly exists: (queue: string) => boolean;
  /** Milliseconds since 1970 (UTC). */
  readonly now: () => number;
}

const SAS_TOKEN = "servicebus.windows.net:sastoken";
const JWT = "jwt";

function verify(
  token: { readonly type: unknown; readonly text: string; readonly audience: string },
  { rules, jwtKey, now }: CbsOptions,
): TokenVerdict {
  switch (token.type) {
    case SAS_TOKEN:
      return verifySas(token.text, token.audience, rules, now());
    case JWT:
      return verifyJwt(token.text, token.audience, jwtKey, now());
    default:
      return { valid: false, because: "InvalidToken: the type of the token is not known." };
  }
}

/** Claims-based security (AMQP CBS working draft 4): `put-token` with a shared access signature or a JWT. */
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
  const verdict = verify({ type, text: token, audience }, options);
  if (!verdict.valid) return { status: 401, description: verdict.because };
  const { queue } = parseAddress(verdict.grant.path);
  if (queue !== "" && !options.exists(queue)) {
    return { status: 404, description: entityNotFound(audience).description };
  }
  if (!options.access.grant(verdict.grant)) {
    return { status: 403, description: "The connection has put too many tokens." };
  }
  return { status: 202, description: "Accepted" };
}
