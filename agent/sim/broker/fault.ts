/**
 * The moments of a broker's work at which a fault may strike. Each comes before the step it is named after, so a
 * connection that is cut at `transferIn` leaves nothing stored, and one that is cut at `outcomeOut` leaves a stored
 * message whose sender never hears of it.
 *
 * | event | has happened | would happen next |
 * |---|---|---|
 * | `connect` | a connection came | it is read from |
 * | `open` | its AMQP open came | it is answered |
 * | `putToken` | a token came | it is checked and answered |
 * | `attach` | a link was asked for | it is attached or refused |
 * | `transferIn` | a message (or batch) came in whole | it is stored |
 * | `outcomeOut` | it was stored | its sender is told |
 * | `delivery` | a message was locked for a receiver, or taken off the queue | it is written |
 * | `delivered` | it was written | - |
 * | `dispositionIn` | a receiver's outcome came | it is carried out |
 * | `settledOut` | it was carried out | the receiver is told |
 * | `management` | a request to `$management` came | it is carried out |
 * | `managementOut` | it was carried out | it is answered |
 */
export type FaultEvent =
  | "connect"
  | "open"
  | "putToken"
  | "attach"
  | "transferIn"
  | "outcomeOut"
  | "delivery"
  | "delivered"
  | "dispositionIn"
  | "settledOut"
  | "management"
  | "managementOut";

/**
 * | action | what happens in place of the step |
 * |---|---|
 * | `kill` | the connection is cut; nothing more of what it sent is looked at |
 * | `killAll` | so are all others |
 * | `freeze` | the connection is neither read nor written, its socket stays open. After `ms` (or `thaw()`) the step and all that came since happen |
 * | `detachForced` | the link is detached with `amqp:link:detach-forced` |
 * | `serverBusy` | refused with `com.microsoft:server-busy` |
 * | `refuse` | refused with `condition`; at `connect` the connection is reset |
 * | `delay` | the step happens after `ms`; what comes later may overtake it |
 * | `drop` | nothing, and nobody is told |
 * | `reorder` | the steps of `window` moments in a row happen in reverse, or those that came within 200 ms |
 * | `duplicate` | the message is stored twice |
 * | `loseLock` | the step happens, but the lock of the message is lost, as if it had expired: it is delivered again |
 */
export type FaultAction =
  | { readonly kind: "kill" | "killAll" | "detachForced" | "serverBusy" }
  | { readonly kind: "drop" | "duplicate" | "loseLock" }
  | { readonly kind: "freeze"; readonly ms?: number }
  | { readonly kind: "delay"; readonly ms: number }
  | { readonly kind: "refuse"; readonly condition: string; readonly description?: string }
  | { readonly kind: "reorder"; readonly window: number };

/** Which moments are meant; what is left out may be anything. */
export interface FaultPoint {
  readonly event: FaultEvent;
  /** Entity without regard to case: `requests`, `requests/$DeadLetterQueue`; for `attach` also `requests/$management`, `$cbs`. */
  readonly queue?: string;
  /** What the peer is on the link: `sender` or `receiver`. */
  readonly role?: "sender" | "receiver";
  /**
   * At `management…` the operation (`renew-lock`, with or without `com.microsoft:`); at `dispositionIn` and
   * `settledOut` the outcome (`accepted`, `rejected`, `released`, `modified`).
   */
  readonly operation?: string;
  /** Number of the connection, counted from 1 as they came. */
  readonly connection?: number;
  /** The first of such moments that is struck, counted from 1 since the fault was armed; 1 unless given. */
  readonly nth?: number;
}

export interface Fault {
  readonly at: FaultPoint;
  readonly action: FaultAction;
  /** How many moments in a row are struck; 1 unless given, for `reorder` its window. */
  readonly times?: number | "always";
}

/** Faults drawn at random, the same for the same seed and the same order of moments. */
export interface RandomFaults {
  readonly seed: number;
  /** Share of the moments that are struck, between 0 and 1. */
  readonly rate: number;
  /** One of those that are possible at the moment is drawn. */
  readonly actions: readonly FaultAction[];
  readonly points: readonly FaultPoint[];
  /** Moments struck in all; 1,000 unless given. */
  readonly limit?: number;
}

/** A moment as it comes. */
export interface Moment {
  readonly event: FaultEvent;
  readonly connection: number;
  readonly queue?: string | undefined;
  readonly role?: "sender" | "receiver";
  readonly operation?: string | undefined;
}

type FaultKind = FaultAction["kind"];

const SOCKET: readonly FaultKind[] = ["kill", "killAll", "freeze"];
const ANSWER: readonly FaultKind[] = [...SOCKET, "delay", "drop", "refuse", "serverBusy"];

/** What can happen at which moment. */
export const POSSIBLE: Readonly<Record<FaultEvent, readonly FaultKind[]>> = {
  connect: [...SOCKET, "delay", "refuse"],
  open: ANSWER,
  putToken: ANSWER,
  attach: [...ANSWER, "detachForced"],
  transferIn: [...ANSWER, "detachForced", "reorder", "duplicate"],
  outcomeOut: [...ANSWER, "detachForced", "reorder"],
  delivery: [...SOCKET, "delay", "drop", "detachForced", "reorder", "loseLock"],
  delivered: [...SOCKET, "detachForced", "loseLock"],
  dispositionIn: [...ANSWER, "detachForced", "reorder", "loseLock"],
  settledOut: [...ANSWER, "detachForced", "reorder"],
  management: ANSWER,
  managementOut: ANSWER,
};
