import { AgentError } from "../core/error.ts";
import type { LdapConnection } from "./connection.ts";
import type { LdapBind } from "./options.ts";
import { requestResult } from "./request-result.ts";
import { externalBind, type RequestEncoder, simpleBind } from "./requests.ts";
import { errorOfResult, type LdapResult } from "./result-code.ts";

/** Windows system error codes in hexadecimal, as Active Directory puts them into a refused bind: `data 52e`. */
const BIND_REFUSALS: Readonly<Record<string, string>> = {
  "525": "there is no such account",
  "52e": "the account or its password is wrong",
  "530": "the account may not log on at this time",
  "531": "the account may not log on from this machine",
  "532": "the password has expired",
  "533": "the account is disabled",
  "568": "the account is in too many groups",
  "701": "the account has expired",
  "773": "the password must be changed before the first logon",
  "775": "the account is locked out",
};

/** RFC 4511 appendix A */
const INVALID_CREDENTIALS = 49;

/**
 * The bind request, with the password as it is now. Read before the connection is made, so that a slow secret store
 * leaves no unbound connection behind.
 * @throws AgentError `directory.denied` when there is no password
 */
export async function prepareBind(bind: LdapBind): Promise<RequestEncoder> {
  if ("mechanism" in bind) return externalBind();
  const password = await readPassword(bind.password);
  if (password === "") {
    // RFC 4513 section 5.1.2: servers answer a name without a password with success, as anonymous.
    throw new AgentError("directory.denied", `cannot bind as ${bind.dn}: the password is empty`, {
      hint: "an empty password would be an anonymous bind that looks like a success",
    });
  }
  return simpleBind(bind.dn, password);
}

async function readPassword(read: () => Promise<string>): Promise<string> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError("directory.denied", "the bind password cannot be read", { cause });
  }
}

/** @throws AgentError `directory.denied` (with Active Directory's reason), `directory.busy`, `directory.unreachable` */
export async function bindConnection(
  connection: LdapConnection,
  request: RequestEncoder,
  bind: LdapBind,
): Promise<void> {
  const result = await requestResult(connection, request);
  if (result.code === 0) return;
  const who = "mechanism" in bind ? `with SASL ${bind.mechanism}` : `as ${bind.dn}`;
  if (result.code !== INVALID_CREDENTIALS) {
    throw errorOfResult(`${connection.server.url}: cannot bind ${who}`, result);
  }
  throw new AgentError(
    "directory.denied",
    `${connection.server.url}: cannot bind ${who}: ${refusalOf(result)}`,
    { hint: "check the bind DN and the bind password" },
  );
}

function refusalOf({ diagnostic }: LdapResult): string {
  const subCode = /\bdata ([0-9a-f]{3,4})\b/i.exec(diagnostic)?.[1]?.toLowerCase();
  if (subCode === undefined) return "invalidCredentials (49)";
  const words = BIND_REFUSALS[subCode] ?? "the account may not log on";
  return `${words} (invalidCredentials 49, data ${subCode})`;
}
