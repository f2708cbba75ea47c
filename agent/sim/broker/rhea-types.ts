import type { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import type { DeliveryMap } from "./delivery-map.ts";
import type { Refusal } from "./refusal.ts";

// rhea's own types leave out or declare as `any` what a server needs; these are the parts in use, as rhea 3.0.5 has them.

/** A value that keeps its AMQP type. */
export interface Typed {
  readonly value: unknown;
  readonly descriptor?: Typed;
}

interface Terminus {
  /** A string where the peer keeps to the specification. */
  readonly address?: unknown;
  readonly filter?: Readonly<Record<string, unknown>> | null;
}

interface AttachFields {
  snd_settle_mode?: number;
  rcv_settle_mode?: number;
  max_message_size?: number;
  properties?: Record<string, unknown>;
}

export interface AmqpLink extends EventEmitter {
  readonly name: string;
  readonly session: AmqpSession;
  readonly connection: AmqpConnection;
  readonly source: Terminus | null | undefined;
  readonly target: Terminus | null | undefined;
  readonly properties: Readonly<Record<string, unknown>> | null | undefined;
  readonly snd_settle_mode: number | null | undefined;
  readonly rcv_settle_mode: number | null | undefined;
  readonly local: { readonly attach: AttachFields };
  credit: number;
  delivery_count: number;
  open(): void;
  close(error?: Refusal): void;
  is_remote_open(): boolean;
  is_receiver(): boolean;
  set_source(fields: object): void;
  set_target(fields: object): void;
}

/** A link on which we send. */
export interface AmqpSender extends AmqpLink {
  send(message: Buffer, tag: Buffer, format: number): OutgoingDelivery;
  _get_drain(): boolean;
}

/** A link on which we receive. */
export interface AmqpReceiver extends AmqpLink {
  add_credit(credit: number): void;
}

export interface OutgoingDelivery {
  readonly id: number;
  readonly tag: Buffer;
  readonly link: AmqpSender;
  readonly remote_state: Outcome | undefined;
  settled: boolean;
  remote_settled: boolean;
  update(settled: boolean, state: unknown): void;
}

export interface IncomingDelivery {
  readonly id: number;
  readonly link: AmqpReceiver;
  readonly remote_settled: boolean;
  settled: boolean;
  update(settled: boolean, state: unknown): void;
}

/** An outcome as the peer sent it: its fields are still typed. */
export interface Outcome {
  readonly value: readonly (Typed | undefined)[];
  readonly undeliverable_here?: boolean | null;
  readonly error?: { readonly condition?: string; readonly description?: string } | null;
}

interface TransferFrame {
  readonly performative: {
    message_format: number | null | undefined;
    readonly more: boolean | null | undefined;
  };
  payload?: Buffer;
}

interface DispositionFrame {
  readonly performative: {
    readonly first: number;
    readonly last: number | null | undefined;
    state: Typed | null | undefined;
  };
}

interface FlowFrame {
  readonly performative: { readonly handle?: number; drain: boolean };
}

interface AttachFrame {
  readonly performative: {
    role: boolean;
    source: Typed | null | undefined;
    target: Typed | null | undefined;
  };
}

interface Outgoing {
  readonly next_delivery_id: number;
  readonly next_pending_delivery: number;
  deliveries: DeliveryMap;
  readonly connection: AmqpConnection;
  compute_max_payload(tag: Buffer): number;
  transfer_window(): number;
}

export interface AmqpSession extends EventEmitter {
  readonly connection: AmqpConnection;
  readonly outgoing: Outgoing;
  /** By name. */
  readonly links: Readonly<Record<string, AmqpLink>>;
  readonly remote: { readonly handles: Readonly<Record<number, AmqpLink | undefined>> };
  output(frame: unknown): void;
  create_sender(name: string): AmqpSender;
  create_receiver(name: string): AmqpReceiver;
  on_attach(frame: AttachFrame): void;
  on_disposition(frame: DispositionFrame): void;
  on_flow(frame: FlowFrame): void;
  on_transfer(frame: TransferFrame): void;
  _get_link(frame: TransferFrame): AmqpReceiver;
  _write_flow(link: AmqpLink): void;
}

export interface AmqpConnection extends EventEmitter {
  readonly socket: Duplex;
  readonly max_frame_size: number | null | undefined;
  /** Size of the frame that is being read. */
  readonly frame_size: number | undefined;
  readonly saved_error: unknown;
  /** Bytes of the beginning of a frame. */
  readonly previous_input: Buffer | null | undefined;
  readonly amqp_transport: { read_complete: boolean };
  open(): void;
  accept(socket: Duplex): void;
  close(error?: Refusal): void;
  input(data: Buffer): void;
  _process(): void;
  _disconnected(): void;
}

export interface EventContext {
  readonly connection: AmqpConnection;
  readonly session?: AmqpSession;
  readonly sender?: AmqpSender;
  readonly receiver?: AmqpReceiver;
  readonly delivery?: unknown;
  readonly message?: unknown;
  readonly format?: number;
}

/** One step of SASL on the server's side. */
export interface SaslMechanism {
  outcome: boolean | undefined;
  username: string | undefined;
  start(response: Buffer | undefined): void | Promise<void>;
}

export interface Container {
  sasl_server_mechanisms: Record<string, () => SaslMechanism>;
  create_connection(options: object): AmqpConnection;
}

interface Writer {
  write(value: Typed): void;
  toBuffer(): Buffer;
}

export interface Types {
  readonly Writer: new () => Writer;
  is_map(value: Typed): boolean;
  wrap(value: unknown): Typed;
  wrap_long(value: Buffer): Typed;
  described(descriptor: Typed, value: Typed): Typed;
}

export interface Messages {
  accepted(): { described(): unknown };
  rejected(fields: { error?: Refusal }): { described(): unknown };
  modified(fields: object): { described(): unknown };
  released(): { described(): unknown };
}

export interface Frames {
  disposition(fields: object): unknown;
}
