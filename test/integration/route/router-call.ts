import type { RouterQuestion } from '../../../app/route/messages.ts'

/** The question of a call to a number, as a node asks it. */
export const questionOf = (to: string): RouterQuestion => ({
  call: {
    id: '01J00000000000000000000000',
    from: '+12025550111',
    to,
    raw: { from: '<sip:+12025550111@192.0.2.1>', to: `sip:${to}@192.0.2.2` },
    trunk: 'alpha',
    tenant: 'clinic',
    agent: 'intake',
    attestation: null,
    headers: {},
    receivedAt: '2026-03-02T12:00:00.000Z',
    source: { address: '192.0.2.1', port: 5060, protocol: 'udp' },
    node: 'east-1',
    region: 'us-east',
  },
  trunks: [],
  nodes: [],
})
