/** Whether a schedule asks for merging alone, as the stack's second one does (lib/infra/millrace-maintenance.ts). */
export function isForMerging(event: unknown): boolean {
  return typeof event === 'object' && event !== null && 'only' in event && event.only === 'merging';
}
