import { AgentError } from "../core/error.ts";
import { bindConnection, prepareBind } from "./bind.ts";
import { LdapConnection } from "./connection.ts";
import type { LdapSettings, LdapTlsOptions } from "./options.ts";
import { requestResult } from "./request-result.ts";
import { type RequestEncoder, startTls } from "./requests.ts";
import { errorOfResult } from "./result-code.ts";
import type { Server } from "./server.ts";
import { openSocket, secureSocket } from "./socket.ts";

interface Credentials {
  readonly tls: LdapTlsOptions;
  readonly bindRequest: RequestEncoder;
}

/**
 * A bound connection to the first of the servers that takes one. A refused bind ends the attempt: the other servers
 * know the same account, and each further try brings it nearer to its lockout.
 * @param onFailure is told of each server that did not take the connection
 * @throws AgentError `directory.unreachable`, `directory.busy`, `directory.denied`, `directory.refused`; the signal's
 *   reason
 */
export async function openConnection(
  servers: readonly Server[],
  settings: LdapSettings,
  onFailure: (server: Server, error: AgentError) => void,
  signal: AbortSignal,
): Promise<LdapConnection> {
  signal.throwIfAborted();
  const credentials: Credentials = {
    bindRequest: await prepareBind(settings.bind),
    tls: await settings.tls(),
  };
  const failures: AgentError[] = [];
  for (const server of servers) {
    try {
      return await openWithin(server, settings, credentials, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof AgentError)) throw error;
      if (error.code === "directory.denied") throw error;
      failures.push(error);
      onFailure(server, error);
    }
  }
  throw combined(failures);
}

/** The first failure says what is wrong with the preferred server; the others are told in its message. */
function combined(failures: readonly AgentError[]): AgentError {
  const [first, ...others] = failures;
  if (first === undefined) throw new RangeError("no server to connect to");
  if (others.length === 0) return first;
  // As long as one of them may come back, a retry is of use.
  const code = failures.find((failure) => failure.retryable)?.code ?? first.code;
  return new AgentError(code, failures.map((failure) => failure.message).join("; "), {
    cause: first,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

async function openWithin(
  server: Server,
  settings: LdapSettings,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<LdapConnection> {
  const { connectTimeoutMs } = settings;
  const attempt = new AbortController();
  const onAbort = (): void => attempt.abort(signal.reason);
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  const timer = setTimeout(() => {
    const message = `${server.url}: cannot connect within ${connectTimeoutMs} ms`;
    attempt.abort(new AgentError("directory.unreachable", message));
  }, connectTimeoutMs);
  try {
    return await open(server, settings, credentials, attempt.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

async function open(
  server: Server,
  settings: LdapSettings,
  { tls, bindRequest }: Credentials,
  signal: AbortSignal,
): Promise<LdapConnection> {
  const { operationTimeoutMs, maxMessageBytes, bind } = settings;
  const socket = await openSocket(server, tls, signal);
  const connection = new LdapConnection(socket, { server, operationTimeoutMs, maxMessageBytes });
  const onAbort = (): void => connection.drop(abortError(server, signal.reason));
  signal.addEventListener("abort", onAbort);
  try {
    signal.throwIfAborted();
    if (settings.startTls && !server.encrypted && server.socketPath === undefined) {
      const result = await requestResult(connection, startTls());
      if (result.code !== 0) throw errorOfResult(`${server.url}: StartTLS`, result);
      await connection.secure((plain) => secureSocket(plain, server, tls, signal));
    }
    await bindConnection(connection, bindRequest, bind);
    return connection;
  } catch (error) {
    const failure = signal.aborted ? signal.reason : protocolFailure(server, error);
    connection.drop(abortError(server, failure));
    throw failure;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function protocolFailure(server: Server, error: unknown): unknown {
  if (error instanceof AgentError) return error;
  return abortError(server, error);
}

function abortError(server: Server, cause: unknown): AgentError {
  if (cause instanceof AgentError) return cause;
  const reason = cause instanceof Error ? cause.message : "aborted";
  return new AgentError("directory.unreachable", `${server.url}: ${reason}`, { cause });
}
