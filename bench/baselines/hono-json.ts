/**
 * What a JSON produce request is measured against: Hono on the same Node server, parsing the same body and answering as
 * many bytes. `node hono-json.ts <answer bytes>`
 */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const answer = JSON.stringify({ records: '' });
const filled = JSON.stringify({ records: 'x'.repeat(Math.max(0, Number(process.argv[2]) - answer.length)) });

const app = new Hono();
app.post('/records', async (context) => {
  const body = await context.req.json<{ records: unknown[] }>();
  if (!Array.isArray(body.records)) return context.text('no records', 400);
  return context.body(filled, 200, { 'content-type': 'application/json' });
});

serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(`listening 127.0.0.1:${port}`));
