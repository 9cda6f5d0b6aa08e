import { defineRouter } from 'tandem'

const CRM = process.env['CRM_URL'] ?? 'http://127.0.0.1:9999/customers'

/** Whom the CRM knows is greeted by name. Where it is away, or slow, the call goes on without: the look-up ends with the router's time. */
export default defineRouter(async (call, { fetch }) => {
  const found = await fetch(`${CRM}/${encodeURIComponent(call.from)}`)
  if (!found.ok) return null
  const customer: unknown = await found.json()
  if (typeof customer !== 'object' || customer === null || !('name' in customer)) return null
  return { bridge: 'intake', variables: { name: String(customer.name) } }
})
