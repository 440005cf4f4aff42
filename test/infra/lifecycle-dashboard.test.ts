import { describe, expect, test } from 'vitest';
import { MAINTENANCE_METRICS } from '../../lib/kernel/maintenance-metrics.ts';
import { flat, resource, resourcesOfType, tenantTemplate } from './support/synthesize.ts';

interface Widget {
  properties: { title: string; metrics: [{ expression?: string }][] };
}

describe('the dashboard of the lifecycle', () => {
  const { Properties } = resource(tenantTemplate(), 'AWS::CloudWatch::Dashboard');
  const { widgets } = JSON.parse(flat(Properties['DashboardBody'])) as { widgets: Widget[] };

  test('shows every metric of the maintenance once, of this tenant alone', () => {
    const shown = widgets.flatMap(({ properties }) => properties.metrics.map(([{ expression = '' }]) => expression));
    for (const name of Object.values(MAINTENANCE_METRICS)) {
      const search = `{Millrace,service,tenant} MetricName="${name}" tenant="acme"`;
      expect(shown.filter((expression) => expression.includes(search))).toHaveLength(1);
    }
  });

  test('shows the Kafka gateway where there is one', () => {
    const titles = (template: ReturnType<typeof tenantTemplate>) => {
      const [dashboard] = resourcesOfType(template, 'AWS::CloudWatch::Dashboard');
      const body = JSON.parse(flat(dashboard?.[1].Properties['DashboardBody'])) as { widgets: Widget[] };
      return body.widgets.map((widget) => widget.properties.title).filter((title) => title.startsWith('Kafka'));
    };
    expect(titles(tenantTemplate())).toEqual([]);
    expect(titles(tenantTemplate({ kafka: { host: 'kafka.example.com', hostedZoneId: 'Z0123' } }))).toHaveLength(7);
  });

  test('can be left out', () => {
    expect(resourcesOfType(tenantTemplate({ dashboard: false }), 'AWS::CloudWatch::Dashboard')).toEqual([]);
  });
});
