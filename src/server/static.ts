/**
 * Serves one folder of built pages over HTTP GET and HEAD. Sends the compressed twin of a file where there is one
 * (compress.plugin.ts). The folder is listed once at start, and a request can only name a listed file, so no path of a
 * request reaches the file system. Why not sirv: version 3.0.2 ends the process on `Range: bytes=4-2`, and when a
 * listed file has been deleted.
 */
import { createReadStream, readdirSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};

export type Encoding = 'br' | 'gzip';
/** Best encoding first: its name in Accept-Encoding, and the extension of its twins. */
export const ENCODINGS: readonly { readonly name: Encoding; readonly extension: string }[] = [
  { name: 'br', extension: '.br' },
  { name: 'gzip', extension: '.gz' },
];

/** One form of a file: as it is, or one compressed twin. */
interface Form {
  readonly path: string;
  readonly sizeBytes: number;
  readonly etag: string;
}

interface Entry {
  readonly type: string;
  readonly plain: Form;
  readonly twins: ReadonlyMap<Encoding, Form>;
}

function list(folder: string): ReadonlyMap<string, Entry> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  const forms = new Map(
    paths.flatMap((path): [string, Form][] => {
      const status = statSync(path);
      const etag = `"${status.size.toString(16)}-${Math.floor(status.mtimeMs).toString(16)}"`;
      return status.isFile() ? [[path, { path, sizeBytes: status.size, etag }]] : [];
    }),
  );
  const isTwin = (path: string) =>
    ENCODINGS.some(({ extension }) => path.endsWith(extension) && forms.has(path.slice(0, -extension.length)));
  const entryOf = (plain: Form): Entry => ({
    type: TYPES[extname(plain.path)] ?? 'application/octet-stream',
    plain,
    twins: new Map(
      ENCODINGS.flatMap(({ name, extension }) => {
        const twin = forms.get(`${plain.path}${extension}`);
        return twin ? [[name, twin] as const] : [];
      }),
    ),
  });
  const plains = [...forms.values()].filter(({ path }) => !isTwin(path));
  return new Map(plains.map((form) => [`/${relative(folder, form.path).split(sep).join('/')}`, entryOf(form)]));
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Returns a request handler for the files under `folder`; `/` is index.html. Throws when the folder does not exist. */
export function serveFolder(folder: string): Handler {
  const entries = list(folder);
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end();
      return;
    }
    const path = pathOf(request);
    const entry = entries.get(path === '/' ? '/index.html' : path);
    if (!entry) {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not found\n');
      return;
    }
    const encoding = encodingFor(entry, request);
    const { path: file, sizeBytes, etag } = (encoding && entry.twins.get(encoding)) ?? entry.plain;
    const headers = {
      ETag: etag,
      Vary: 'Accept-Encoding',
      // Built assets have a hash in their name. All other files may change with the next build.
      'Cache-Control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    };
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, headers).end();
      return;
    }
    response.writeHead(200, {
      ...headers,
      'Content-Type': entry.type,
      'Content-Length': sizeBytes,
      ...(encoding && { 'Content-Encoding': encoding }),
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    createReadStream(file)
      .on('error', () => response.destroy())
      .pipe(response);
  };
}

/** The best encoding that the client accepts and `entry` has; undefined for the uncompressed file. */
function encodingFor(entry: Entry, request: IncomingMessage): Encoding | undefined {
  const header = request.headers['accept-encoding'];
  const accepted = new Map(
    String(header ?? '')
      .split(',')
      .map((part) => {
        const [name = '', ...parameters] = part
          .trim()
          .toLowerCase()
          .split(/\s*;\s*/);
        const quality = parameters.find((parameter) => parameter.startsWith('q='));
        return [name, quality === undefined ? 1 : Number(quality.slice(2))] as const;
      }),
  );
  return ENCODINGS.find(({ name }) => entry.twins.has(name) && (accepted.get(name) ?? 0) > 0)?.name;
}

/** The decoded path of a request; '' when its URL is not valid. */
function pathOf(request: Pick<IncomingMessage, 'url'>): string {
  try {
    return decodeURIComponent(new URL(request.url ?? '', 'http://host').pathname);
  } catch {
    return '';
  }
}
