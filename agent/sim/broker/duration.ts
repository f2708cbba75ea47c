const PATTERN =
  /^P(?:(?<days>\d{1,8})D)?(?:T(?:(?<hours>\d{1,8})H)?(?:(?<minutes>\d{1,8})M)?(?:(?<seconds>\d{1,8}(?:\.\d{1,7})?)S)?)?$/;

/**
 * An ISO 8601 duration as .NET's XmlConvert reads it, without years and months.
 * @returns milliseconds, or undefined when it is none
 */
export function parseDuration(text: string): number | undefined {
  const groups = PATTERN.exec(text)?.groups;
  if (groups === undefined || text.endsWith("P") || text.endsWith("T")) return undefined;
  const part = (name: string): number => Number(groups[name] ?? 0);
  const minutes = part("days") * 1440 + part("hours") * 60 + part("minutes");
  return Math.round((minutes * 60 + part("seconds")) * 1000);
}

/** Milliseconds as an ISO 8601 duration, for messages to people. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return "for ever";
  const [hours, minutes] = [Math.floor(ms / 3_600_000), Math.floor((ms % 3_600_000) / 60_000)];
  const seconds = (ms % 60_000) / 1000;
  const text = `${hours > 0 ? `${hours}H` : ""}${minutes > 0 ? `${minutes}M` : ""}`;
  return `PT${text}${seconds > 0 || text === "" ? `${seconds}S` : ""}`;
}
