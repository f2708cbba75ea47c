import { createHash, timingSafeEqual } from "node:crypto";

/** The scheme in any letter case (RFC 9110 section 11.1). */
const CREDENTIALS = /^bearer +(\S+)[ \t]*$/i;

/** Compiles the check of an `authorization` header. Digests are compared, so that time says nothing of the token. */
export function compileTokenCheck(token: string): (authorization: string | undefined) => boolean {
  const expected = digestOf(token);
  return (authorization) => {
    const given = CREDENTIALS.exec(authorization ?? "")?.[1];
    return given !== undefined && timingSafeEqual(digestOf(given), expected);
  };
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
