import { hostname } from "node:os";

/** Who holds a job: shown to whoever finds it taken. */
export function leaseOwner(): string {
  return `${hostname()} pid ${process.pid}`;
}

/** Whether an owner of this machine runs no more. Of another machine nothing is known. */
export function isGone(owner: string): boolean {
  const prefix = `${hostname()} pid `;
  if (!owner.startsWith(prefix)) return false;
  const pid = Number(owner.slice(prefix.length));
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
