import type { LookupFunction } from "node:net";
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

export interface OpenConnectionOptions {
  readonly settings: LdapSettings;
  /** Of the server's host, when it is to be this one of several. */
  readonly address?: string | undefined;
  readonly lookup?: LookupFunction | undefined;
}

/**
 * A bound connection to the server, within the connect time-out.
 * @throws AgentError `directory.unreachable`, `directory.busy`, `directory.denied`, `directory.refused`; the signal's
 *   reason
 */
export async function openConnection(
  server: Server,
  options: OpenConnectionOptions,
  signal: AbortSignal,
): Promise<LdapConnection> {
  const { settings } = options;
  signal.throwIfAborted();
  const credentials: Credentials = {
    bindRequest: await prepareBind(settings.bind),
    tls: await settings.tls(),
  };
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
    return await open(server, { ...options, ...credentials }, attempt.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

async function open(
  server: Server,
  { settings, address, lookup, tls, bindRequest }: OpenConnectionOptions & Credentials,
  signal: AbortSignal,
): Promise<LdapConnection> {
  const { operationTimeoutMs, maxMessageBytes, bind } = settings;
  const socket = await openSocket(server, { tls, address, lookup }, signal);
  const connection = new LdapConnection(socket, { server, operationTimeoutMs, maxMessageBytes });
  const onAbort = (): void => connection.drop(abortError(server, signal.reason));
  signal.addEventListener("abort", onAbort);
  try {
    signal.throwIfAborted();
    if (settings.startTls && !server.encrypted && server.socketPath === undefined) {
      const result = await requestResult(connection, startTls(), "extended");
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
