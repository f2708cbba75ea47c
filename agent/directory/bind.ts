import { AgentError } from "../core/error.ts";
import type { LdapConnection } from "./connection.ts";
import type { LdapBind } from "./options.ts";
import { requestResult } from "./request-result.ts";
import { externalBind, type RequestEncoder, simpleBind } from "./requests.ts";
import { errorOfResult, type LdapResult } from "./result-code.ts";

interface BindRefusal {
  readonly words: string;
  readonly hint: string;
  /** Whether the same request may get through soon, perhaps at another server. */
  readonly isPassing?: true;
}

const CHECK_ACCOUNT = "check the bind DN and the bind password";

/**
 * Windows system error codes in hexadecimal, as Active Directory puts them into a refused bind: `data 52e`. Each one
 * but the last needs a change that somebody makes, or a time that comes by itself; trying on until then is of no use.
 */
const BIND_REFUSALS: Readonly<Record<string, BindRefusal>> = {
  "525": { words: "there is no such account", hint: "check the bind DN" },
  "52e": {
    words: "the account or its password is wrong",
    hint: `${CHECK_ACCOUNT}; each further try brings the account nearer to its lockout`,
  },
  "52f": {
    words: "a restriction of the account forbids it",
    hint: "look at the account's policies, such as Protected Users or an empty password",
  },
  "530": {
    words: "the account may not log on at this time",
    hint: "it works again within the logon hours of the account",
  },
  "531": {
    words: "the account may not log on from this machine",
    hint: "look at the workstations that the account is restricted to",
  },
  "532": { words: "the password has expired", hint: "set a new password for the account" },
  "533": { words: "the account is disabled", hint: "enable the account" },
  "568": {
    words: "the account is in too many groups",
    hint: "take the account out of groups, nested ones too",
  },
  "569": {
    words: "the account has no right to log on in this way",
    hint: "look at the user rights that are assigned on the domain controller",
  },
  "701": { words: "the account has expired", hint: "set a later date in accountExpires" },
  "773": {
    words: "the password must be changed before the first logon",
    hint: "set a new password for the account, without a change at the next logon",
  },
  "775": {
    words: "the account is locked out",
    hint: "it works again when the lockout ends or is lifted; look for who uses an old password of it",
  },
  "51f": {
    words: "the server reaches no domain controller that could check the password",
    hint: "a retry may get through",
    isPassing: true,
  },
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
  const result = await requestResult(connection, request, "bind");
  if (result.code === 0) return;
  const who = "mechanism" in bind ? `with SASL ${bind.mechanism}` : `as ${bind.dn}`;
  if (result.code !== INVALID_CREDENTIALS) {
    throw errorOfResult(`${connection.server.url}: cannot bind ${who}`, result);
  }
  const { words, hint, isPassing } = refusalOf(result);
  throw new AgentError(
    isPassing === true ? "directory.busy" : "directory.denied",
    `${connection.server.url}: cannot bind ${who}: ${words}`,
    { hint },
  );
}

function refusalOf({ diagnostic }: LdapResult): BindRefusal {
  const subCode = /\bdata ([0-9a-f]{1,8})\b/i.exec(diagnostic)?.[1]?.toLowerCase();
  if (subCode === undefined) return { words: "invalidCredentials (49)", hint: CHECK_ACCOUNT };
  const known = Object.hasOwn(BIND_REFUSALS, subCode) ? BIND_REFUSALS[subCode] : undefined;
  const refusal = known ?? { words: "the account may not log on", hint: CHECK_ACCOUNT };
  return { ...refusal, words: `${refusal.words} (invalidCredentials 49, data ${subCode})` };
}
