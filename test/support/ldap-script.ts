import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer, TLSSocket } from "node:tls";

/** A value of an attribute in a scripted entry. */
export type ScriptValue = string | Uint8Array;

export interface ScriptedRequest {
  readonly kind: "bind" | "unbind" | "search" | "abandon" | "extended" | "other";
  readonly messageId: number;
  /** Counts the connections from 1. */
  readonly connection: number;
  /** Of a bind. */
  readonly password: string;
  /** Of a search. */
  readonly baseDn: string;
  readonly searchScope: number;
  readonly filter: Buffer;
  readonly attributes: readonly string[];
  readonly controls: ReadonlyMap<string, { readonly critical: boolean; readonly value: Buffer }>;
  /** Of a paged search: page size and cookie. */
  readonly page: { readonly size: number; readonly cookie: string } | undefined;
  /** Of a search: entries and seconds; 0 is none. */
  readonly limits: { readonly size: number; readonly seconds: number };
  /** Of an abandon. */
  readonly abandonedId: number;
}

export interface ResultOptions {
  readonly matchedDn?: string;
  readonly diagnostic?: string;
  readonly referrals?: readonly string[];
  /** Sends the paged results control with this cookie; empty for the last page. */
  readonly cookie?: string;
  /** Other controls, values by OID. */
  readonly controls?: Readonly<Record<string, Uint8Array>>;
}

/** Answers one request. */
export interface ScriptReply {
  entry(
    dn: string,
    attributes: Readonly<Record<string, readonly ScriptValue[]>>,
    controls?: Readonly<Record<string, Uint8Array>>,
  ): void;
  reference(uris: readonly string[]): void;
  /** Default: one that nobody knows. */
  intermediate(oid?: string, value?: Uint8Array): void;
  /** The result that fits the request: bindResponse, searchResultDone, extendedResponse. */
  result(code: number, options?: ResultOptions): void;
  /** RFC 4511 section 4.4.1 */
  noticeOfDisconnection(code: number): void;
  bytes(bytes: Uint8Array): void;
  /** Agrees to StartTLS and then expects it. `injected` goes out right behind the answer, unprotected. */
  startTls(injected?: Uint8Array): void;
  /** What is written from now on is sent one byte at a time, `everyMs` apart. */
  drip(everyMs: number): void;
  /** Ends the connection without a word. */
  cut(): void;
}

export type ScriptStep = (request: ScriptedRequest, reply: ScriptReply) => void;

export interface LdapScriptOptions {
  readonly search: ScriptStep;
  /** PEM of the server; with `ldaps` TLS starts with the first byte, else after StartTLS. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ldaps: boolean };
  /** An address of this machine; default 127.0.0.1. */
  readonly host?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Default: success. */
  readonly bind?: ScriptStep;
  /** Default: protocolError, as of a server without StartTLS. */
  readonly extended?: ScriptStep;
  /** Default: answers with the paged results control. */
  readonly rootDse?: ScriptStep;
}

/** A server that says what a test wrote down. It shares no code with the client, not even the BER. */
export interface LdapScript {
  readonly url: string;
  readonly port: number;
  /** Everything that came, in order. */
  readonly requests: readonly ScriptedRequest[];
  readonly openConnections: number;
  /** What it could not send yet because clients do not read. */
  readonly unsentBytes: number;
  /** Ends the connections that there are. */
  cut(): void;
  close(): Promise<void>;
}

export const PAGED_RESULTS = "1.2.840.113556.1.4.319";

export async function startLdapScript(options: LdapScriptOptions): Promise<LdapScript> {
  const requests: ScriptedRequest[] = [];
  const sockets = new Set<Socket>();
  const steps = { bind: succeed, extended: refuse, rootDse: showPaging, ...options };
  let connections = 0;
  const accept = (socket: Socket): void => {
    const connection = ++connections;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    listen(socket, connection);
  };
  const listen = (socket: Socket, connection: number): void => {
    const upgrade = (): void => {
      socket.removeAllListeners("data");
      listen(new TLSSocket(socket, { isServer: true, ...options.tls }), connection);
    };
    socket.on("error", () => socket.destroy());
    let pending = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        const size = messageSize(pending);
        if (size === undefined || size > pending.length) return;
        const request = parseRequest(pending.subarray(0, size), connection);
        pending = pending.subarray(size);
        requests.push(request);
        answer(request, new Writer(socket, request, upgrade), steps);
      }
    });
  };
  const host = options.host ?? "127.0.0.1";
  const ldaps = options.tls?.ldaps === true;
  const server = ldaps
    ? createTlsServer({ noDelay: true, ...options.tls }, accept)
    : createServer({ noDelay: true }, accept);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, host, resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `${ldaps ? "ldaps" : "ldap"}://${host}:${address.port}`,
    port: address.port,
    requests,
    get openConnections() {
      return sockets.size;
    },
    get unsentBytes() {
      return [...sockets].reduce((sum, { writableLength }) => sum + writableLength, 0);
    },
    cut,
    close() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(
  request: ScriptedRequest,
  reply: ScriptReply,
  steps: Required<Pick<LdapScriptOptions, "bind" | "extended" | "rootDse" | "search">>,
): void {
  if (request.kind === "bind") steps.bind(request, reply);
  if (request.kind === "extended") steps.extended(request, reply);
  if (request.kind !== "search") return;
  if (request.baseDn === "" && request.searchScope === 0) steps.rootDse(request, reply);
  else steps.search(request, reply);
}

const succeed: ScriptStep = (_, reply) => reply.result(0);
const refuse: ScriptStep = (_, reply) => reply.result(2);
const showPaging: ScriptStep = (_, reply) => {
  reply.entry("", { supportedControl: [PAGED_RESULTS], namingContexts: ["dc=example"] });
  reply.result(0);
};

class Writer implements ScriptReply {
  readonly #socket: Socket;
  readonly #request: ScriptedRequest;
  readonly #upgrade: () => void;
  #dripped: Buffer[] | undefined;

  constructor(socket: Socket, request: ScriptedRequest, upgrade: () => void) {
    this.#socket = socket;
    this.#request = request;
    this.#upgrade = upgrade;
  }

  startTls(injected: Uint8Array = Buffer.alloc(0)): void {
    const answer = tlv(0x30, integer(this.#request.messageId), tlv(0x78, ...resultParts(0, {})));
    this.bytes(Buffer.concat([answer, injected]));
    this.#upgrade();
  }

  entry(
    dn: string,
    attributes: Readonly<Record<string, readonly ScriptValue[]>>,
    controls: Readonly<Record<string, Uint8Array>> = {},
  ): void {
    const list = Object.entries(attributes).map(([name, values]) =>
      tlv(0x30, text(name), tlv(0x31, ...values.map((value) => tlv(0x04, Buffer.from(value))))),
    );
    this.#message(tlv(0x64, text(dn), tlv(0x30, ...list)), ...controlsOf(controls));
  }

  reference(uris: readonly string[]): void {
    this.#message(tlv(0x73, ...uris.map(text)));
  }

  intermediate(oid = "1.2.3.4", value?: Uint8Array): void {
    const body = value === undefined ? [] : [tlv(0x81, value)];
    this.#message(tlv(0x79, tlv(0x80, Buffer.from(oid)), ...body));
  }

  result(code: number, options: ResultOptions = {}): void {
    const tag = { bind: 0x61, search: 0x65, extended: 0x78 }[this.#request.kind as "bind"];
    const parts = [...resultParts(code, options)];
    const { cookie, controls = {} } = options;
    const paged = cookie === undefined ? {} : { [PAGED_RESULTS]: pagedValue(cookie) };
    this.#message(tlv(tag, ...parts), ...controlsOf({ ...paged, ...controls }));
  }

  noticeOfDisconnection(code: number): void {
    const name = tlv(0x8a, Buffer.from("1.3.6.1.4.1.1466.20036"));
    const parts = resultParts(code, { diagnostic: "going down" });
    this.bytes(tlv(0x30, integer(0), tlv(0x78, ...parts, name)));
  }

  bytes(bytes: Uint8Array): void {
    if (this.#dripped !== undefined) this.#dripped.push(Buffer.from(bytes));
    else if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  drip(everyMs: number): void {
    const collected: Buffer[] = [];
    this.#dripped = collected;
    let at = 0;
    const timer = setInterval(() => {
      const all = Buffer.concat(collected);
      if (at >= all.length || this.#socket.destroyed) clearInterval(timer);
      else this.#socket.write(all.subarray(at, ++at));
    }, everyMs);
  }

  cut(): void {
    this.#socket.destroySoon();
  }

  #message(...parts: Buffer[]): void {
    this.bytes(tlv(0x30, integer(this.#request.messageId), ...parts));
  }
}

function resultParts(code: number, options: ResultOptions): Buffer[] {
  const { matchedDn = "", diagnostic = "", referrals = [] } = options;
  const parts = [integer(code, 0x0a), text(matchedDn), text(diagnostic)];
  return referrals.length === 0 ? parts : [...parts, tlv(0xa3, ...referrals.map(text))];
}

function pagedValue(cookie: string): Buffer {
  return tlv(0x30, integer(0), text(cookie));
}

function controlsOf(controls: Readonly<Record<string, Uint8Array>>): Buffer[] {
  const list = Object.entries(controls).map(([oid, value]) =>
    tlv(0x30, text(oid), tlv(0x04, value)),
  );
  return list.length === 0 ? [] : [tlv(0xa0, ...list)];
}

/** One BER element (X.690 section 8.1), definite length. */
export function tlv(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([Buffer.of(tag, 0x84), length, body]);
}

function text(value: string): Buffer {
  return tlv(0x04, Buffer.from(value));
}

/** INTEGER, or another type with its content. */
export function integer(value: number, tag = 0x02): Buffer {
  const content = Buffer.alloc(4);
  content.writeInt32BE(value);
  return tlv(tag, content);
}

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

function messageSize(buffer: Buffer): number | undefined {
  const first = buffer[1];
  if (first === undefined) return undefined;
  if (first < 0x80) return 2 + first;
  const octets = first & 0x7f;
  if (buffer.length < 2 + octets) return undefined;
  return 2 + octets + buffer.readUIntBE(2, octets);
}

function elements(buffer: Buffer): Element[] {
  const found: Element[] = [];
  for (let rest = buffer; rest.length > 0; ) {
    const size = messageSize(rest) as number;
    const first = rest[1] as number;
    const header = first < 0x80 ? 2 : 2 + (first & 0x7f);
    found.push({ tag: rest[0] as number, content: rest.subarray(header, size) });
    rest = rest.subarray(size);
  }
  return found;
}

const KINDS: Readonly<Record<number, ScriptedRequest["kind"]>> = {
  96: "bind",
  66: "unbind",
  99: "search",
  80: "abandon",
  119: "extended",
};

function parseRequest(buffer: Buffer, connection: number): ScriptedRequest {
  const [envelope] = elements(buffer);
  const [id, operation, controlList] = elements(envelope?.content ?? Buffer.alloc(0));
  const kind = KINDS[operation?.tag ?? 0] ?? "other";
  const content = operation?.content ?? Buffer.alloc(0);
  const isSearch = kind === "search";
  const parts = isSearch || kind === "bind" ? elements(content) : [];
  const part = (at: number): Buffer => parts[at]?.content ?? Buffer.alloc(0);
  const controls = parseControls(controlList);
  const paged = controls.get(PAGED_RESULTS);
  return {
    kind,
    messageId: numberOf(id?.content),
    connection,
    password: kind === "bind" ? part(2).toString() : "",
    baseDn: isSearch ? part(0).toString() : "",
    searchScope: isSearch ? numberOf(part(1)) : -1,
    filter: parts[6] === undefined ? Buffer.alloc(0) : tlv(parts[6].tag, parts[6].content),
    attributes: isSearch ? elements(part(7)).map((name) => name.content.toString()) : [],
    controls,
    limits: isSearch
      ? { size: numberOf(part(3)), seconds: numberOf(part(4)) }
      : { size: 0, seconds: 0 },
    page: paged === undefined ? undefined : parsePage(paged.value),
    abandonedId: kind === "abandon" ? numberOf(content) : 0,
  };
}

function parseControls(list: Element | undefined): ScriptedRequest["controls"] {
  const controls = new Map<string, { critical: boolean; value: Buffer }>();
  for (const control of list === undefined ? [] : elements(list.content)) {
    const [oid, ...rest] = elements(control.content);
    const critical = rest.some((part) => part.tag === 0x01 && part.content[0] !== 0);
    const value = rest.find((part) => part.tag === 0x04)?.content ?? Buffer.alloc(0);
    controls.set(oid?.content.toString() ?? "", { critical, value });
  }
  return controls;
}

function parsePage(value: Buffer): ScriptedRequest["page"] {
  const [size, cookie] = elements(elements(value)[0]?.content ?? Buffer.alloc(0));
  return { size: numberOf(size?.content), cookie: cookie?.content.toString() ?? "" };
}

function numberOf(content: Buffer | undefined): number {
  return content === undefined || content.length === 0 ? 0 : content.readIntBE(0, content.length);
}
