import { expect, it } from 'vitest';
import { errorCodeOf, routeLabel } from '../../lambdas/support/route-label.ts';

it('labels requests by the documented path, of the API and of the REST dialect', () => {
  expect(routeLabel('PUT', '/v1/groups/billing/offsets')).toBe('PUT /v1/groups/{group}/offsets');
  expect(routeLabel('POST', '/topics/orders')).toBe('POST /topics/{topicname}');
  expect(routeLabel('GET', '/consumers/a%2Fb/instances/c/records')).toBe(
    'GET /consumers/{groupid}/instances/{name}/records',
  );
  expect(routeLabel('GET', '/')).toBe('GET /');
});

it('has one label for whatever else clients come up with', () => {
  expect(routeLabel('GET', '/etc/passwd')).toBe('other');
  expect(routeLabel('BREW', '/topics')).toBe('other');
  expect(routeLabel('GET', '/consumers/a/b/instances/c/records')).toBe('other');
});

it('finds the code of an error in the forms that it has', async () => {
  const answer = (status: number, type: string, body: unknown) =>
    new Response(body === null ? null : JSON.stringify(body), { status, headers: { 'content-type': type } });
  const v2 = 'application/vnd.kafka.v2+json';
  expect(await errorCodeOf(answer(404, 'application/problem+json', { code: 'NOT_FOUND' }))).toBe('NOT_FOUND');
  expect(await errorCodeOf(answer(404, v2, { error_code: 40403, message: 'x' }))).toBe('40403');
  expect(await errorCodeOf(answer(404, v2, null))).toBe('HTTP_404');
  expect(await errorCodeOf(answer(503, 'application/json', { status: 'unavailable' }))).toBe('HTTP_503');
  expect(await errorCodeOf(answer(200, v2, { offsets: [] }))).toBeUndefined();
});
