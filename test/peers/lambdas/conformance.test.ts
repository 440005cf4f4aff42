/**
 * The conformance suite, which any server must pass, against the functions: through an HTTP API, and the web function.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../../lib/client/client.ts';
import { CONFORMANCE_MS_MAX, runConformance } from '../support/conformance.ts';
import { ADMIN_KEY, type Functions, functionsMissing, makeFunctions } from '../support/functions.ts';
import { startHttpApi } from '../support/http-api.ts';
import { describeWithPeer } from '../support/peer.ts';
import { s3ServerMissing } from '../support/s3-server.ts';
import { startWebFunction } from '../support/web-function.ts';

/**
 * What an HTTP API does before a function sees the request: it decodes the path and text bodies, and answers what is
 * not HTTP, or does not arrive, in its own words.
 */
const GATEWAY_ANSWERS = ['that is not UTF-8 is 400', 'with tricks in them lead nowhere', 'thousands of bad requests'];

/** These functions are of a stack without triggers, whose API has no such routes. */
const WITHOUT_TRIGGERS = ['there are no triggers'];

describeWithPeer(functionsMissing() ?? s3ServerMissing('s3rver'))('the conformance suite', () => {
  let functions: Functions;

  beforeAll(async () => {
    functions = await makeFunctions('s3rver');
  });

  afterAll(() => functions?.close());

  /** A stored key: the functions that produce and fetch know no other. */
  async function adminKey(url: string): Promise<string> {
    const basic = Buffer.from(`${ADMIN_KEY.id}:${ADMIN_KEY.secret}`).toString('base64');
    const answer = await fetch(`${url}/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/json' },
      body: JSON.stringify({ scopes: ['admin'] }),
    });
    return ((await answer.json()) as { secret: string }).secret;
  }

  it('is passed by the functions behind an HTTP API', { timeout: CONFORMANCE_MS_MAX }, async () => {
    const api = await startHttpApi({
      produce: () => functions.start('produce'),
      fetch: () => functions.start('fetch'),
      groups: () => functions.start('groups'),
      topics: () => functions.start('topics'),
    });
    try {
      const apiKey = await adminKey(api.url);
      expect(await createClient({ url: api.url, apiKey }).topics.list()).toEqual({ topics: [] });
      const { passed, failed } = await runConformance({
        url: api.url,
        apiKey,
        streaming: false,
        except: [...GATEWAY_ANSWERS, ...WITHOUT_TRIGGERS],
      });
      expect(failed).toEqual([]);
      expect(passed).toBeGreaterThan(50);
    } finally {
      await api.close();
    }
  });

  it('is passed by the web function', { timeout: CONFORMANCE_MS_MAX }, async () => {
    const web = await startWebFunction(functions.file('web'), functions.variables('web'));
    try {
      const apiKey = await adminKey(web.url);
      const { passed, failed } = await runConformance({ url: web.url, apiKey, streaming: true });
      expect(failed).toEqual([]);
      expect(passed).toBeGreaterThan(50);
    } finally {
      await web.stop();
    }
  });
});
