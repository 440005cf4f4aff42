import { describe, expect, it } from 'vitest';
import { PageCache } from '../../../lib/broker/ledger/page-cache.ts';
import { limits } from '../../../lib/kernel/limits.ts';
import { encodePage, type Page, pageKey } from '../../../lib/log/ledger/page.ts';
import { makeStores } from '../../support/broker.ts';
import { InterceptedMetadata } from '../../support/intercepted-stores.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';

const pageOf = (sequence: number): Page => ({
  sequence,
  epoch: 0,
  bases: Array<number>(16).fill(sequence),
  maxTimestamps: Array<number>(16).fill(-1),
  commits: [],
});

async function makePages(...sequences: number[]) {
  const metadata = new InterceptedMetadata(makeStores().metadata);
  for (const sequence of sequences) {
    await metadata.write([{ kind: 'put', key: pageKey(LEDGER, sequence), attributes: encodePage(pageOf(sequence)) }]);
  }
  metadata.forget();
  return { metadata, pages: new PageCache({ metadata }) };
}

describe('PageCache', () => {
  it('reads a page once, at half the price', async () => {
    const { metadata, pages } = await makePages(3);
    expect(await pages.get(LEDGER, 3)).toEqual(pageOf(3));
    expect(await pages.get(LEDGER, 3)).toEqual(pageOf(3));
    expect(metadata.calls).toEqual(['get page#000000000003 eventual']);
  });

  it('reads again strongly where an eventually consistent read finds nothing', async () => {
    const { metadata, pages } = await makePages(3);
    metadata.onGet = (proceed, _, consistency) => (consistency === 'eventual' ? undefined : proceed());
    expect(await pages.get(LEDGER, 3)).toEqual(pageOf(3));
    expect(metadata.count('get')).toBe(2);
  });

  it('does not keep a miss, which is a fault that may pass', async () => {
    const { metadata, pages } = await makePages(3);
    metadata.onGet = () => undefined;
    await expect(pages.get(LEDGER, 3)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
    metadata.onGet = undefined;
    expect(await pages.get(LEDGER, 3)).toEqual(pageOf(3));
  });

  it('keeps what it is given, of each ledger by itself', async () => {
    const { metadata, pages } = await makePages(3);
    const other = { ...LEDGER, index: 1 };
    pages.keep(other, pageOf(3));
    expect(await pages.get(other, 3)).toEqual(pageOf(3));
    expect(metadata.calls).toEqual([]);
    await pages.get(LEDGER, 3);
    expect(metadata.count('get')).toBe(1);
  });

  it('is bounded', async () => {
    const { metadata, pages } = await makePages(0);
    pages.keep(LEDGER, pageOf(0));
    for (let sequence = 1; sequence <= limits.pageCacheEntries; sequence++) pages.keep(LEDGER, pageOf(sequence));
    await pages.get(LEDGER, 0);
    expect(metadata.count('get')).toBe(1);
  });
});
