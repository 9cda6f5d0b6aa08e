import { defineRouter } from 'tandem'

/** Calls whose carrier vouches for nothing are screened first. The carrier's own header stands in where nothing was verified here. */
export default defineRouter((call) => {
  const level = call.attestation ?? call.headers['p-attestation-indicator'] ?? null
  if (level === 'C') return { bridge: 'screening', variables: { attestation: level } }
  return call.from.startsWith('+1900') ? { reject: 603 } : null
})
