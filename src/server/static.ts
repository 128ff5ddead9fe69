/**
 * Serves one folder of built pages over HTTP GET and HEAD. The folder is listed once at start, so a request can only name
 * a file that was there: no path of a request ever reaches the file system.
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

interface Entry {
  readonly path: string;
  readonly sizeBytes: number;
  readonly type: string;
}

function list(folder: string): ReadonlyMap<string, Entry> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
  const entries = files.map((path): [string, Entry] => [
    `/${relative(folder, path).split(sep).join('/')}`,
    { path, sizeBytes: statSync(path).size, type: TYPES[extname(path)] ?? 'application/octet-stream' },
  ]);
  return new Map(entries);
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A request handler for the files under `folder`; `/` is index.html. Throws when the folder is not there. */
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
    response.writeHead(200, {
      'Content-Type': entry.type,
      'Content-Length': entry.sizeBytes,
      // Built assets carry a hash in their name; everything else may be another build tomorrow.
      'Cache-Control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    createReadStream(entry.path)
      .on('error', () => response.destroy())
      .pipe(response);
  };
}

/** The decoded path of a request, '' when it is not a valid URL. */
export function pathOf(request: Pick<IncomingMessage, 'url'>): string {
  try {
    return decodeURIComponent(new URL(request.url ?? '', 'http://host').pathname);
  } catch {
    return '';
  }
}
