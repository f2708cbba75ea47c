import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { ScimError } from "../core/scim/error.ts";

/** Where in which listing a page begins. */
export interface CursorPlace {
  /** Of the listing; 16 hexadecimal digits. */
  readonly listing: string;
  /** Resources before the page. */
  readonly offset: number;
}

const LISTING_BYTES = 8;
const OFFSET_BYTES = 4;
const PLACE_BYTES = LISTING_BYTES + OFFSET_BYTES;
/** Half of HMAC-SHA256 (RFC 2104 section 5). */
const SIGNATURE_BYTES = 16;
const CURSOR_LENGTH = Math.ceil(((PLACE_BYTES + SIGNATURE_BYTES) * 4) / 3);

/**
 * Makes and reads cursors (RFC 9865 section 2): unreserved characters, signed with a key that lives as long as the
 * process, and good for one query only.
 */
export class Cursors {
  readonly #key = randomBytes(32);

  /** @param query what the cursor is bound to, as text */
  seal({ listing, offset }: CursorPlace, query: string): string {
    const place = Buffer.alloc(PLACE_BYTES);
    place.write(listing, "hex");
    place.writeUInt32BE(offset, LISTING_BYTES);
    return Buffer.concat([place, this.#sign(place, query)]).toString("base64url");
  }

  /** @throws ScimError 400 invalidCursor: not made by this process, changed, or for another query */
  open(cursor: string, query: string): CursorPlace {
    const bytes = Buffer.from(cursor, "base64url");
    // Decoding passes over what is no base64url, so that many texts would be the same cursor.
    if (cursor.length !== CURSOR_LENGTH || bytes.toString("base64url") !== cursor) throw invalid();
    const place = bytes.subarray(0, PLACE_BYTES);
    if (!timingSafeEqual(bytes.subarray(PLACE_BYTES), this.#sign(place, query))) throw invalid();
    return {
      listing: place.toString("hex", 0, LISTING_BYTES),
      offset: place.readUInt32BE(LISTING_BYTES),
    };
  }

  /** A name for a listing that no other one has. */
  static newListing(): string {
    return randomBytes(LISTING_BYTES).toString("hex");
  }

  #sign(place: Buffer, query: string): Buffer {
    const signature = createHmac("sha256", this.#key).update(place).update(query).digest();
    return signature.subarray(0, SIGNATURE_BYTES);
  }
}

function invalid(): ScimError {
  return new ScimError(
    400,
    "the cursor is not one of this query: begin again with an empty cursor, and change nothing but count on the way",
    { scimType: "invalidCursor" },
  );
}
