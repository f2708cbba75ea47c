import type { Refusal } from "./refusal.ts";
import type { AmqpLink, EventContext } from "./rhea-types.ts";

/** Event of a connection: a listener of ours threw. */
export const FAULT = "broker_fault";

/** Listens on a link. A throw becomes a `FAULT` of the connection, since rhea would swallow it or let it end the process. */
export function onLink(
  link: AmqpLink,
  event: string,
  listener: (context: EventContext) => void,
): void {
  link.on(event, (context: EventContext) => {
    try {
      listener(context);
    } catch (error) {
      link.connection.emit(FAULT, error);
    }
  });
}

/** Keeps rhea from answering the attach by itself. */
export function hold<T extends AmqpLink>(link: T): T {
  link.open = () => undefined;
  return link;
}

function reallyOpen(link: AmqpLink): void {
  Reflect.deleteProperty(link, "open");
  link.open();
}

/** The address of a terminus; empty when there is none. */
export function addressOf(terminus: AmqpLink["source"]): string {
  const address = terminus?.address;
  return typeof address === "string" ? address : "";
}

interface OpenOptions {
  readonly maxMessageBytes?: number;
  readonly properties?: Record<string, unknown>;
  /** Replaces the filter of the source. */
  readonly filter?: Record<string, unknown>;
}

/** Answers an attach, echoing what the peer asked for. */
export function openLink(link: AmqpLink, options: OpenOptions = {}): void {
  const { attach } = link.local;
  if (link.source) {
    const filter = options.filter === undefined ? {} : { filter: options.filter };
    link.set_source({ address: link.source.address ?? undefined, ...filter });
  }
  if (link.target) link.set_target({ address: link.target.address ?? undefined });
  if (typeof link.snd_settle_mode === "number") attach.snd_settle_mode = link.snd_settle_mode;
  if (typeof link.rcv_settle_mode === "number") attach.rcv_settle_mode = link.rcv_settle_mode;
  if (options.maxMessageBytes !== undefined) attach.max_message_size = options.maxMessageBytes;
  if (options.properties !== undefined) attach.properties = options.properties;
  reallyOpen(link);
}

/** Part 2 section 2.6.3: a link is refused by an attach without terminus, followed by a detach that says why. */
export function refuseLink(link: AmqpLink, error: Refusal): void {
  reallyOpen(link);
  link.close({ ...error });
}

/** Ends a link that was never answered, after its peer gave it up. */
export function abandonLink(link: AmqpLink): void {
  // A second attach and detach would leave the peer with a link that nobody closes.
  if (!Object.hasOwn(link, "open")) return;
  reallyOpen(link);
  link.close();
}
