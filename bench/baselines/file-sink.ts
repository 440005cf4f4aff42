/**
 * What a raw produce request is measured against: node:http writing each body to a file. `node file-sink.ts
 * <directory>`
 */
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [, , directory = ''] = process.argv;
let files = 0;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    void store(chunks).then((bytes) => {
      const answer = JSON.stringify({ bytes });
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length }).end(answer);
    });
  });
});

async function store(chunks: Buffer[]): Promise<number> {
  const file = await open(join(directory, String(files++)), 'wx');
  try {
    const { bytesWritten } = await file.writev(chunks);
    return bytesWritten;
  } finally {
    await file.close();
  }
}

server.listen(0, '127.0.0.1', () => console.log(`listening 127.0.0.1:${(server.address() as { port: number }).port}`));
