/** What a raw fetch is measured against: node:http sending files. `node file-source.ts <directory>`, `GET /<name>` */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [, , directory = ''] = process.argv;

const server = createServer((request, response) => {
  const name = /^\/(\d+)$/.exec(request.url ?? '')?.[1];
  if (name === undefined) {
    response.writeHead(404).end();
    return;
  }
  void readFile(join(directory, name)).then((bytes) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.length }).end(bytes);
  });
});

server.listen(0, '127.0.0.1', () => console.log(`listening 127.0.0.1:${(server.address() as { port: number }).port}`));
