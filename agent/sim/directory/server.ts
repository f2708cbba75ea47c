import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createSecureContext, createServer as createTlsServer } from "node:tls";
import { AgentError } from "../../core/error.ts";
import { type CompanyOptions, createCompany } from "../company/company.ts";
import type { Account } from "./account.ts";
import { Connection, type ConnectionContext } from "./connection.ts";
import type { DirectoryEntry } from "./entry.ts";
import type { DirectoryFaults } from "./faults.ts";
import { ResultError } from "./result.ts";
import { createRootDse, createSubschema } from "./root-dse.ts";
import type { SearchLimits } from "./search-operation.ts";
import { DirectoryStore } from "./store.ts";

/** Connections beyond this are closed as they come. */
const MAX_CONNECTIONS = 1000;

export interface DirectoryTls {
  /** PEM */
  readonly key: string;
  /** PEM */
  readonly cert: string;
  /** `ldaps`: TLS from the first octet. `starttls`: plain until the client asks (RFC 4511 section 4.14). */
  readonly mode: "ldaps" | "starttls";
}

export interface DirectoryOptions {
  readonly baseDn: string;
  /** The account that may read and write everything. It needs no entry. */
  readonly bind: { readonly dn: string; readonly password: string };
  /** Accounts besides; each entry with a userPassword may bind and read too. */
  readonly accounts?: readonly Account[];
  /** Parents before children, the base first. Either these or a company; neither leaves the base to be added. */
  readonly entries?: Iterable<DirectoryEntry>;
  readonly company?: Omit<CompanyOptions, "baseDn">;
  /** 0 = any free one. */
  readonly port?: number;
  /** 127.0.0.1 without it. */
  readonly host?: string;
  readonly tls?: DirectoryTls;
  readonly limits?: SearchLimits;
  /** See `StoreOptions`; on without it. */
  readonly referentialIntegrity?: boolean;
  readonly faults?: DirectoryFaults;
  /** Milliseconds since 1970, for timestamps and CSNs. */
  readonly now?: () => number;
}

export interface DirectoryServer {
  readonly host: string;
  readonly port: number;
  /** `ldap://` or `ldaps://` with host and port. */
  readonly url: string;
  readonly baseDn: string;
  readonly bindDn: string;
  /** For changes in process. They are seen by searches that are under way, as other clients' changes are. */
  readonly store: DirectoryStore;
  /** Connections that are open now, and all that ever were. */
  readonly connections: { readonly open: number; readonly total: number };
  /** Ends every connection without a word and stops listening. A second call is the same as the first. */
  close(): Promise<void>;
}

/**
 * An LDAPv3 server (RFC 4511) in this process that behaves as a closed slapd does: bind with version 3 and simple
 * credentials, everything but the root DSE for those who are bound. Aliases, referrals of its own, SASL and access
 * rules by entry are not in it; object classes are checked for what they require, not for what they allow.
 * @throws AgentError `input.invalid` for an entry that cannot be added, `usage` for a port that cannot be had or for
 *   entries beside a company
 */
export async function startDirectory(options: DirectoryOptions): Promise<DirectoryServer> {
  const { baseDn, bind, accounts = [], tls, limits = {}, faults = {} } = options;
  const store = createStore(options);
  const context: ConnectionContext = {
    store,
    accounts: [{ ...bind, writable: true }, ...accounts],
    virtualEntries: [
      createRootDse(baseDn, { startTls: tls?.mode === "starttls" }),
      createSubschema(),
    ],
    limits,
    faults,
    secureContext:
      tls?.mode === "starttls" ? createSecureContext({ key: tls.key, cert: tls.cert }) : undefined,
  };
  const sockets = new Set<Socket>();
  let total = 0;
  const accept = (socket: Socket): void => {
    new Connection(socket, context);
  };
  const listener =
    tls?.mode === "ldaps"
      ? createTlsServer({ key: tls.key, cert: tls.cert }, accept)
      : createServer(accept);
  // Counted below TLS: a peer in the middle of its handshake must not outlive the server.
  listener.on("connection", (socket: Socket) => {
    total += 1;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  listener.maxConnections = MAX_CONNECTIONS;
  const host = options.host ?? "127.0.0.1";
  const port = await listen(listener, { host, port: options.port ?? 0 });
  let closing: Promise<void> | undefined;
  return {
    host,
    port,
    url: `${tls?.mode === "ldaps" ? "ldaps" : "ldap"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    baseDn,
    bindDn: bind.dn,
    store,
    get connections() {
      return { open: sockets.size, total };
    },
    close() {
      closing ??= stop(listener, sockets);
      return closing;
    },
  };
}

function createStore({
  baseDn,
  entries,
  company,
  now = Date.now,
  referentialIntegrity = true,
}: DirectoryOptions): DirectoryStore {
  if (entries !== undefined && company !== undefined) {
    throw new AgentError(
      "usage",
      "a directory starts with entries or with a company, not with both",
    );
  }
  let current = baseDn;
  try {
    const store = new DirectoryStore({ baseDn, now, referentialIntegrity });
    for (const entry of entries ??
      (company === undefined ? [] : createCompany({ ...company, baseDn }))) {
      current = entry.dn;
      store.add(entry);
    }
    return store;
  } catch (cause) {
    if (!(cause instanceof ResultError)) throw cause;
    throw new AgentError("input.invalid", `cannot add ${current}: ${cause.message}`, {
      cause,
      hint: "parents come before their children, the base entry first",
    });
  }
}

async function listen(
  listener: Server,
  { host, port }: { host: string; port: number },
): Promise<number> {
  listener.listen({ host, port });
  try {
    await once(listener, "listening");
  } catch (cause) {
    throw new AgentError("usage", `cannot listen on ${host} port ${port}`, {
      cause,
      hint: "port 0 takes any free one",
    });
  }
  return (listener.address() as AddressInfo).port;
}

async function stop(listener: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = once(listener, "close");
  listener.close();
  for (const socket of sockets) socket.destroy();
  await closed;
}
