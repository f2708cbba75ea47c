import { once } from "node:events";
import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { type Account, authenticate, type Identity } from "./account.ts";
import { BerSink } from "./ber-sink.ts";
import { BerError } from "./ber-source.ts";
import type { StoredEntry } from "./entry.ts";
import type { BindFault, DirectoryFaults } from "./faults.ts";
import { FrameReader } from "./frame.ts";
import { PagingState } from "./paging.ts";
import { decodeRequest, type Operation, type RequestMessage } from "./request.ts";
import { type Outlet, Responder } from "./responder.ts";
import { type AnsweredKind, encodeNoticeOfDisconnection } from "./response.ts";
import { type Result, ResultError } from "./result.ts";
import { START_TLS, SUPPORTED_CONTROLS, WHO_AM_I } from "./root-dse.ts";
import { runSearch, type SearchLimits } from "./search-operation.ts";
import type { DirectoryStore } from "./store.ts";
import { runCompare, runWrite } from "./write-operation.ts";

/** Operations of one connection that may be unanswered at a time; beyond it nothing more is read from the peer. */
const MAX_OPERATIONS = 64;

export interface ConnectionContext {
  readonly store: DirectoryStore;
  readonly accounts: readonly Account[];
  readonly virtualEntries: readonly StoredEntry[];
  readonly limits: SearchLimits;
  readonly faults: DirectoryFaults;
  /** What StartTLS offers; refused without it. */
  readonly secureContext: SecureContext | undefined;
}

type BindOperation = Extract<Operation, { kind: "bind" }>;

/** One client: reads its messages, keeps who it is bound as, and answers. */
export class Connection implements Outlet {
  readonly #context: ConnectionContext;
  readonly #paging = new PagingState();
  /** Unanswered operations by message id; what abandon aborts. */
  readonly #operations = new Map<number, AbortController>();
  readonly #closed = new AbortController();
  #socket: Socket;
  #frames = new FrameReader();
  #identity: Identity | undefined;
  #ending = false;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#context = context;
    this.#socket = socket;
    socket.setNoDelay(true);
    this.#attach(socket);
  }

  write(octets: Buffer): void {
    if (!this.#ending && this.#socket.writable) this.#socket.write(octets);
  }

  async drained(): Promise<void> {
    if (!this.#socket.writableNeedDrain) return;
    try {
      await once(this.#socket, "drain", { signal: this.#closed.signal });
    } catch {
      // Closed while it was full: the operation sees its own signal.
    }
  }

  destroy(): void {
    this.#ending = true;
    this.#socket.destroy();
  }

  disconnect(result: Result): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#socket.end(encodeNoticeOfDisconnection(new BerSink(), result));
    // What the peer still sends is dropped: it would keep an ended connection open.
    this.#socket.destroySoon();
  }

  #attach(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    // A peer that resets is a peer that left.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#close());
    socket.on("end", () => socket.end());
  }

  #close(): void {
    this.#ending = true;
    this.#closed.abort();
    for (const operation of this.#operations.values()) operation.abort();
    this.#operations.clear();
  }

  #receive(chunk: Buffer): void {
    if (this.#ending) return;
    try {
      for (const frame of this.#frames.push(chunk)) {
        if (this.#ending) return;
        this.#dispatch(decodeRequest(frame));
      }
    } catch (error) {
      if (!(error instanceof BerError)) throw error;
      this.disconnect({ result: "protocolError", message: error.message });
    }
  }

  #dispatch(message: RequestMessage): void {
    const { operation, messageId } = message;
    if (operation.kind === "unbind") {
      this.#ending = true;
      this.#socket.end();
      return;
    }
    if (operation.kind === "abandon") {
      this.#operations.get(operation.messageId)?.abort();
      return;
    }
    if (messageId === 0 || this.#operations.has(messageId)) {
      this.disconnect({ result: "protocolError", message: "message id is zero or in use" });
      return;
    }
    const controller = new AbortController();
    this.#operations.set(messageId, controller);
    if (this.#operations.size >= MAX_OPERATIONS) this.#socket.pause();
    void this.#answer(message, operation.kind, controller.signal).finally(() => {
      this.#operations.delete(messageId);
      if (this.#socket.isPaused() && !this.#ending) this.#socket.resume();
    });
  }

  async #answer(message: RequestMessage, kind: AnsweredKind, signal: AbortSignal): Promise<void> {
    const responder = new Responder(this, message.messageId);
    try {
      const unsupported = message.controls.find(
        ({ oid, critical }) => critical && !SUPPORTED_CONTROLS.includes(oid),
      );
      if (unsupported !== undefined) {
        throw new ResultError(
          "unavailableCriticalExtension",
          `control ${unsupported.oid} is not supported`,
        );
      }
      await this.#run(message, responder, signal);
    } catch (error) {
      if (signal.aborted) return;
      const known = error instanceof ResultError;
      responder.result(kind, known ? error : { result: "other", message: "internal error" });
      if (!known) throw error;
    }
  }

  async #run(
    { operation, controls }: RequestMessage,
    responder: Responder,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, virtualEntries, limits, faults } = this.#context;
    switch (operation.kind) {
      case "bind":
        await this.#bind(operation, responder, signal);
        return;
      case "search":
        await runSearch(
          {
            store,
            virtualEntries,
            limits,
            faults,
            responder,
            identity: this.#identity,
            paging: this.#paging,
            outlet: this,
          },
          { request: operation, controls },
          signal,
        );
        return;
      case "add":
      case "delete":
      case "modify":
      case "rename":
        responder.result(operation.kind, runWrite(store, this.#identity, operation));
        return;
      case "compare":
        responder.result("compare", runCompare(store, this.#identity, operation));
        return;
      case "extended":
        this.#extended(operation.oid, responder);
        return;
      case "unbind":
      case "abandon":
        return;
    }
  }

  async #bind(operation: BindOperation, responder: Responder, signal: AbortSignal): Promise<void> {
    // RFC 4511 section 4.2.1: whatever comes of it, the connection is anonymous until it succeeds.
    this.#identity = undefined;
    const fault = await this.#context.faults.onBind?.(operation.dn);
    if (signal.aborted || fault === "hang") return;
    if (fault === "cut") {
      this.destroy();
      return;
    }
    this.#identity = this.#identify(operation, fault);
    responder.result("bind", { result: "success" });
  }

  #identify(
    { version, dn, password }: BindOperation,
    fault: Exclude<BindFault, "cut" | "hang"> | undefined,
  ): Identity | undefined {
    if (fault === "busy" || fault === "unavailable") throw new ResultError(fault, fault);
    if (version !== 3) throw new ResultError("protocolError", "only version 3 is supported");
    if (password === undefined)
      throw new ResultError("authMethodNotSupported", "only simple bind is supported");
    if (dn === "" && password.length === 0) return undefined;
    if (password.length === 0) {
      throw new ResultError(
        "unwillingToPerform",
        "unauthenticated bind (DN with no password) disallowed",
      );
    }
    const { store, accounts } = this.#context;
    const identity =
      fault === undefined ? authenticate(store, accounts, { dn, password }) : undefined;
    // No name in it: it must not tell whether the name or the password is wrong.
    if (identity === undefined) throw new ResultError("invalidCredentials", "");
    return identity;
  }

  #extended(oid: string, responder: Responder): void {
    if (oid === WHO_AM_I) {
      const responseValue = this.#identity === undefined ? "" : `dn:${this.#identity.dn}`;
      responder.result("extended", { result: "success" }, { responseValue });
      return;
    }
    if (oid !== START_TLS) throw new ResultError("protocolError", "unsupported extended operation");
    const { secureContext } = this.#context;
    if (secureContext === undefined || this.#socket instanceof TLSSocket) {
      throw new ResultError("protocolError", "StartTLS is not offered here");
    }
    if (this.#operations.size > 1)
      throw new ResultError("operationsError", "other operations are unanswered");
    responder.result("extended", { result: "success" }, { responseName: START_TLS });
    this.#secure(secureContext);
  }

  #secure(secureContext: SecureContext): void {
    const plain = this.#socket;
    plain.removeAllListeners("data");
    plain.removeAllListeners("end");
    const secure = new TLSSocket(plain, { isServer: true, secureContext });
    this.#socket = secure;
    this.#frames = new FrameReader();
    this.#attach(secure);
  }
}
