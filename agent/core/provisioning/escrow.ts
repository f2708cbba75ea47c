import type { Escrow } from "./shadow.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Days after the first failure until an entry is given up. */
const GIVE_UP_DAYS = 28;

/** After the first failure; from the third on once a day (entra.md 5.2). */
const FIRST_RETRIES_MS = [6 * HOUR_MS, 12 * HOUR_MS, 24 * HOUR_MS];

/** When an entry that failed is tried again. Times are milliseconds since 1970 (UTC). */
export type EscrowRetry =
  | { readonly kind: "retry"; readonly at: number }
  /** 28 days are over: it is left alone until it changes or the job is restarted. */
  | { readonly kind: "dropped" };

/**
 * The next try after a failure: first in the next cycle, then 6, 12 and 24 hours after the first failure, then every 24 hours up
 * to 28 days. Tries that were missed while nothing ran are not made up for.
 * @param escrow `attempts`: failures so far, this one included
 * @param now ms since 1970 (UTC)
 */
export function nextEscrowRetry(
  { attempts, firstFailedAt }: Pick<Escrow, "attempts" | "firstFailedAt">,
  now: number,
): EscrowRetry {
  const age = now - firstFailedAt;
  if (age >= GIVE_UP_DAYS * DAY_MS) return { kind: "dropped" };
  if (attempts <= 1) return { kind: "retry", at: now };
  const early = FIRST_RETRIES_MS.find((delay) => delay > age);
  const delay = early ?? (Math.floor(age / DAY_MS) + 1) * DAY_MS;
  return { kind: "retry", at: firstFailedAt + delay };
}
