import { parseAccountControl } from "./account-control.ts";
import { parseFileTime } from "./file-time.ts";

/** Attributes of an account in Active Directory as text; undefined what it does not have. */
export interface AccountAttributes {
  readonly userAccountControl: string | undefined;
  /** FILETIME, both "never" values included. */
  readonly accountExpires?: string | undefined;
  /** `msDS-User-Account-Control-Computed`: the server has applied the domain's lockout duration to it. */
  readonly computedControl?: string | undefined;
  /** FILETIME; 0 is not locked out. */
  readonly lockoutTime?: string | undefined;
}

export type AccountState =
  | {
      readonly ok: true;
      readonly disabled: boolean;
      readonly expired: boolean;
      readonly lockedOut: boolean;
    }
  | { readonly ok: false; readonly reason: string };

type Unreadable = Extract<AccountState, { readonly ok: false }>;

/**
 * Whether the account may be used at `now`, in milliseconds since 1970.
 *
 * Every account has a userAccountControl. One that is not seen may not be read, and then nothing is known: to take that
 * for an account in use would keep leavers signed in. lockoutTime stays after a lockout has passed, until the next
 * sign-in, and how long it lasts is not said by the entry: it counts only where the server does not work the state out.
 */
export function readAccountState(account: AccountAttributes, now: number): AccountState {
  const { userAccountControl, accountExpires } = account;
  if (userAccountControl === undefined) {
    return { ok: false, reason: "needs userAccountControl, which is absent or may not be read" };
  }
  const control = parseAccountControl(userAccountControl);
  if (control === undefined) return unreadable("userAccountControl", "a number");
  const expires = accountExpires === undefined ? "never" : parseFileTime(accountExpires);
  if (expires === undefined) return unreadable("accountExpires", "a time");
  const lockedOut = readLockout(account);
  if (typeof lockedOut !== "boolean") return lockedOut;
  const expired = expires !== "never" && expires <= now;
  return { ok: true, disabled: control.has("disabled"), expired, lockedOut };
}

function readLockout({ computedControl, lockoutTime }: AccountAttributes): boolean | Unreadable {
  if (computedControl !== undefined) {
    const control = parseAccountControl(computedControl);
    if (control !== undefined) return control.has("lockedOut");
    return unreadable("msDS-User-Account-Control-Computed", "a number");
  }
  const since = lockoutTime === undefined ? "never" : parseFileTime(lockoutTime);
  return since === undefined ? unreadable("lockoutTime", "a time") : since !== "never";
}

function unreadable(what: string, as: string): Unreadable {
  return { ok: false, reason: `${what} cannot be read as ${as}` };
}
