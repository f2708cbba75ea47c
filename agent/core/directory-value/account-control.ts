import { parseFileTime } from "./file-time.ts";

/** ADS_UF_ACCOUNT_DISABLE of `userAccountControl` (MS-ADTS section 2.2.16). */
const ACCOUNT_DISABLE = 0x2;

/** What of an account decides whether somebody can sign in with it, as text of the directory. */
export interface AccountState {
  readonly userAccountControl: string | undefined;
  readonly accountExpires: string | undefined;
}

/**
 * Whether an account is enabled and has not expired. Without `userAccountControl` nothing says that it is disabled: an
 * account of a directory that does not keep it, or one that the agent may not read.
 * @param now milliseconds since 1970 (UTC)
 * @returns undefined when an attribute holds no number
 */
export function isAccountActive(
  { userAccountControl = "0", accountExpires = "0" }: AccountState,
  now: number,
): boolean | undefined {
  const flags = parseFlags(userAccountControl);
  const expires = parseFileTime(accountExpires);
  if (flags === undefined || expires === undefined) return undefined;
  if ((flags & ACCOUNT_DISABLE) !== 0) return false;
  return expires.kind === "never" || expires.ms > now;
}

/** A number of 32 bits, signed or not, as Active Directory writes flags. */
export function parseFlags(text: string): number | undefined {
  if (!/^-?\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= -0x8000_0000 && value <= 0xffff_ffff ? value | 0 : undefined;
}
