import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { badRequest, type ScimError } from "../../core/scim/error.ts";

/** Where in which listing a page begins. */
export interface CursorPlace {
  /** Number of the listing. */
  readonly listing: number;
  /** Resources before the page. */
  readonly offset: number;
}

const NUMBER_BYTES = 4;
const PLACE_BYTES = 2 * NUMBER_BYTES;
/** Half of HMAC-SHA256 (RFC 2104 section 5). */
const SIGNATURE_BYTES = 16;

/**
 * Makes and reads cursors (RFC 9865 section 2): unreserved characters, signed with a key that lives as long as the
 * process, and good for one query only.
 */
export class Cursors {
  readonly #key = randomBytes(32);

  /** @param query what the cursor is bound to, as text */
  seal({ listing, offset }: CursorPlace, query: string): string {
    const place = Buffer.alloc(PLACE_BYTES);
    place.writeUInt32BE(listing);
    place.writeUInt32BE(offset, NUMBER_BYTES);
    return Buffer.concat([place, this.#sign(place, query)]).toString("base64url");
  }

  /** @throws ScimError 400 invalidCursor: not made by this process, changed, or for another query */
  open(cursor: string, query: string): CursorPlace {
    const bytes = Buffer.from(cursor, "base64url");
    // Decoding passes over what is no base64url, so that many texts would be the same cursor.
    if (bytes.length !== PLACE_BYTES + SIGNATURE_BYTES || bytes.toString("base64url") !== cursor) {
      throw invalidCursor();
    }
    const place = bytes.subarray(0, PLACE_BYTES);
    if (!timingSafeEqual(bytes.subarray(PLACE_BYTES), this.#sign(place, query))) {
      throw invalidCursor();
    }
    return { listing: place.readUInt32BE(), offset: place.readUInt32BE(NUMBER_BYTES) };
  }

  #sign(place: Buffer, query: string): Buffer {
    const signature = createHmac("sha256", this.#key).update(place).update(query).digest();
    return signature.subarray(0, SIGNATURE_BYTES);
  }
}

function invalidCursor(): ScimError {
  return badRequest(
    "invalidCursor",
    "the cursor is not one of this query: begin again with an empty cursor",
  );
}
