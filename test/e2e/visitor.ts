/** A browser's share of the story: it keeps cookies, follows nothing by itself, and fills in Django's forms. */
import { Agent, type Dispatcher, FormData, fetch, type RequestInit, type Response } from 'undici';

export class Visitor {
  readonly origin: string;
  readonly cookies = new Map<string, string>();
  readonly #dispatcher: Dispatcher;

  /**
   * @param address - an origin (`http://…`), an address as `--upstream` takes it, or a unix socket.
   * @param options - `ca`: the certificate to believe, where the origin is `https://…`; `localAddress`: where it comes from.
   */
  constructor(
    address: string,
    { ca, ...options }: { readonly ca?: string; readonly localAddress?: string } = {},
  ) {
    const [, socketPath] = /^unix:(.*)$/.exec(address) ?? [];
    this.#dispatcher = new Agent({ connect: socketPath === undefined ? { ca } : { socketPath }, ...options });
    if (socketPath !== undefined) this.origin = 'http://localhost';
    else this.origin = /^https?:\/\//.test(address) ? address : `http://${address}`;
  }

  async request(target: string, init: RequestInit = {}): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(target, this.origin), {
      redirect: 'manual',
      dispatcher: this.#dispatcher,
      ...init,
      headers: { ...(cookie === '' ? {} : { cookie }), ...(init.headers as Record<string, string>) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.cookies.set(name, value);
    }
    return response;
  }

  async get(target: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.request(target, { headers });
  }

  /** Posts the fields to the page with the CSRF token of the form on it. */
  async submit(page: string, fields: Record<string, string | File>): Promise<Response> {
    const html = await (await this.get(page)).text();
    const [, token = ''] = /name="csrfmiddlewaretoken" value="([^"]+)"/.exec(html) ?? [];
    return this.post(page, { csrfmiddlewaretoken: token, ...fields });
  }

  /** Posts the fields as they are, as a form with a file does (multipart/form-data). */
  async post(target: string, fields: Record<string, string | File>): Promise<Response> {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    // A browser says where the form was; Django compares that with the host it sees.
    return this.request(target, { method: 'POST', body, headers: { origin: this.origin } });
  }

  async login(username: string, password: string): Promise<Response> {
    return this.submit('/login/', { username, password });
  }

  /**
   * Uploads a photo by the sample site's form and looks at it.
   * @param below - the path that the site is below
   * @returns the page that the app led to, the address of the photo on it, and the bytes at that address as text
   */
  async uploadPhoto(below = ''): Promise<{ page: string; html: string; src: string; photo: string }> {
    const file = new File(['a photo'], 'sea.jpg', { type: 'image/jpeg' });
    const answer = await this.submit(`${below}/upload/`, { title: 'At the sea', file });
    const page = answer.headers.get('location') ?? '';
    const html = await (await this.get(page)).text();
    const [, src = ''] = /<img src="([^"]+)"/.exec(html) ?? [];
    return { page, html, src, photo: await (await this.get(src)).text() };
  }

  /** Closes the connections that are kept open. */
  async leave(): Promise<void> {
    await this.#dispatcher.destroy();
  }
}
