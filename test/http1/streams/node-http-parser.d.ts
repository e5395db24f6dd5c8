/** Node's own binding of llhttp; what `node:http` reads every message with. */
declare module 'node:_http_common' {
  export class HTTPParser {
    static readonly REQUEST: number;
    static readonly RESPONSE: number;
    static readonly kOnHeaders: number;
    static readonly kOnHeadersComplete: number;
    static readonly kOnBody: number;
    static readonly kOnMessageComplete: number;
    static readonly kLenientNone: number;
    initialize(type: number, resource: object, maxHeaderSize: number, leniency: number): void;
    /** The number of bytes that were read, or what is wrong. */
    execute(bytes: Buffer): number | (Error & { code: string; reason?: string; bytesParsed: number });
    finish(): undefined | (Error & { code: string; reason?: string });
    close(): void;
    [callback: number]: unknown;
  }
}
