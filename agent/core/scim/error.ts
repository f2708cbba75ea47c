import { ERROR_MESSAGE } from "./urn.ts";

/** Error keywords of RFC 7644 section 3.12 (table 9) and RFC 9865 section 4. */
export type ScimType =
  | "invalidFilter"
  | "tooMany"
  | "uniqueness"
  | "mutability"
  | "invalidSyntax"
  | "invalidPath"
  | "noTarget"
  | "invalidValue"
  | "invalidVers"
  | "sensitive"
  | "invalidCursor"
  | "expiredCursor"
  | "invalidCount";

/** The error document of RFC 7644 section 3.12. The status is a string there. */
export interface ScimErrorBody {
  readonly schemas: readonly [typeof ERROR_MESSAGE];
  readonly status: string;
  readonly scimType?: ScimType;
  readonly detail: string;
}

export interface ScimErrorOptions {
  readonly scimType?: ScimType;
  readonly cause?: unknown;
  /** Of the answer: `allow` with a 405. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that is answered with an HTTP error status. The detail reaches the client. */
export class ScimError extends Error {
  /** HTTP status code. */
  readonly status: number;
  readonly scimType: ScimType | undefined;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(status: number, detail: string, options: ScimErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ScimError";
    this.status = status;
    this.scimType = options.scimType;
    this.detail = detail;
    this.headers = options.headers;
  }

  toBody(): ScimErrorBody {
    return {
      schemas: [ERROR_MESSAGE],
      status: String(this.status),
      ...(this.scimType === undefined ? {} : { scimType: this.scimType }),
      detail: this.detail,
    };
  }
}

/** A request that is answered with 400 and an error keyword. */
export function badRequest(scimType: ScimType, detail: string): ScimError {
  return new ScimError(400, detail, { scimType });
}
