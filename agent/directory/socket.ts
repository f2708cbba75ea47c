import { connect, isIP, type LookupFunction, type Socket } from "node:net";
import { type ConnectionOptions, checkServerIdentity, connect as connectTls } from "node:tls";
import { AgentError } from "../core/error.ts";
import type { LdapTlsOptions } from "./options.ts";
import type { Server } from "./server.ts";

/** First probe of an idle connection; firewalls forget connections after minutes. */
const KEEP_ALIVE_MS = 30_000;
/** Time for one address of a host with several; Node's own 250 ms is short for a distant server. */
const ADDRESS_TIMEOUT_MS = 2_000;

export interface OpenSocketOptions {
  readonly tls: LdapTlsOptions;
  /** Of the host, when it is to be this one of several. */
  readonly address?: string | undefined;
  /** Addresses of a host; default: the system's. */
  readonly lookup?: LookupFunction | undefined;
}

/**
 * Connects, with TLS on ldaps://.
 * @throws AgentError `directory.unreachable`, `directory.refused` (certificate); the signal's reason
 */
export async function openSocket(
  server: Server,
  { tls, address, lookup }: OpenSocketOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const target =
    server.socketPath === undefined
      ? {
          host: address ?? server.host,
          port: server.port,
          ...(lookup === undefined ? {} : { lookup }),
          autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
          keepAlive: true,
          keepAliveInitialDelay: KEEP_ALIVE_MS,
          noDelay: true,
        }
      : { path: server.socketPath };
  const socket = connect(target);
  await ready(socket, "connect", server, signal);
  return server.encrypted ? secureSocket(socket, server, tls, signal) : socket;
}

/**
 * Puts TLS around a connected socket, for ldaps:// and StartTLS alike.
 * @throws AgentError as `openSocket`
 */
export async function secureSocket(
  socket: Socket,
  server: Server,
  tls: LdapTlsOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const identity = tls.servername ?? server.host;
  const options: ConnectionOptions = {
    ...tls,
    socket,
    // The name is checked against the url in any case. Left alone, Node takes "localhost" for a socket that it was
    // given, and checks no name at all for a resumed session.
    checkServerIdentity: (_, certificate) => checkServerIdentity(identity, certificate),
  };
  // RFC 6066 section 3: an address is not sent as a name.
  if (isIP(identity) === 0) options.servername = identity;
  else delete options.servername;
  const secured = connectTls(options);
  await ready(secured, "secureConnect", server, signal);
  return secured;
}

function ready(
  socket: Socket,
  event: "connect" | "secureConnect",
  server: Server,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown): void => {
      socket.off(event, onReady).off("error", onError).off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      if (error === undefined) {
        resolve();
        return;
      }
      // A late error of a socket that nobody listens to would end the process.
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    const onReady = (): void => settle();
    const onError = (error: Error): void => settle(connectError(server, error));
    const onClose = (): void => settle(connectError(server, new Error("connection closed")));
    const onAbort = (): void => settle(signal.reason);
    socket.on(event, onReady).on("error", onError).on("close", onClose);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
}

/** Codes that OpenSSL and Node give to certificates that were looked at and not accepted. */
const CERTIFICATE_ERROR = /CERT|ISSUER|ALTNAME|LEAF_SIGNATURE|CRL_|HOSTNAME_MISMATCH/;

function connectError(server: Server, cause: Error): AgentError {
  const code = "code" in cause ? String(cause.code) : undefined;
  const reason = code ?? (cause.message || "no reason given");
  if (code !== undefined && CERTIFICATE_ERROR.test(code) && !code.startsWith("ERR_SSL")) {
    return new AgentError("directory.refused", `${server.url}: certificate refused (${reason})`, {
      cause,
      hint: "give the CA in tls.ca, and use the name or address in the url that the certificate has",
    });
  }
  return new AgentError("directory.unreachable", `${server.url}: cannot connect (${reason})`, {
    cause,
    ...(code?.startsWith("ERR_SSL") === true
      ? { hint: "the port does not speak TLS, or TLS settings differ" }
      : {}),
  });
}
