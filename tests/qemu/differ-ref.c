/* TEMPORARY */
#include "config.h"
#include <string.h>
#include "differ.h"
#include "drivers/ref/tunables.h"
#include "drivers/ref/input.h"
#include "util/json.h"
#include "util/json-peek.h"
struct RefPeer { MtRefProfile *p; MtRefTunables *t; MtRefSituation s; GQueue q; };
RefPeer *ref_peer_new(const char *release, PeerFlags f, const char *m) {
    RefPeer *r = g_new0(RefPeer,1);
    r->p = mt_ref_profile_new(mt_release_parse(release), NULL, NULL, NULL);
    r->t = mt_ref_tunables_new(r->p);
    r->s.incoming = f & PEER_INCOMING; r->s.migrating = (f & PEER_PAUSED)!=0; r->s.ram_bytes = PEER_RAM_BYTES;
    g_queue_init(&r->q); g_queue_push_tail(&r->q, g_strdup("{\"QMP\":1}"));
    return r;
}
void ref_peer_free(RefPeer *r) { if(!r) return; mt_ref_tunables_free(r->t); mt_ref_profile_unref(r->p); g_queue_clear_full(&r->q, g_free); g_free(r); }
static char *one(RefPeer *r, const char *line) {
    g_autoptr(JsonObject) o = mt_json_parse_object(line, -1, NULL);
    MtRefRefusal ref = {0}; JsonNode *res = NULL;
    const char *c; JsonObject *a; MtRefSituation s2 = r->s; s2.migrating = FALSE;
    if (!o) return g_strdup("{\"error\":{\"class\":\"GenericError\",\"desc\":\"JSON\"}}");
    c = mt_json_peek_string(o, "execute"); a = mt_json_peek_object(o, "arguments");
    if (!c) return g_strdup("{\"return\":{}}");
    if (json_object_has_member(o,"arguments") && !a) return g_strdup("{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input member 'arguments' must be an object\"}}");
    if (strcmp(c,"qmp_capabilities")==0) return g_strdup("{\"return\":{}}");
    if (strcmp(c,"query-status")==0) { int run = !r->s.incoming && !r->s.migrating; return g_strdup_printf("{\"return\":{\"running\":%s,\"status\":\"%s\"%s}}", run?"true":"false", r->s.incoming?"inmigrate":run?"running":"prelaunch", mt_ref_profile_release(r->p) < MT_RELEASE(8,0)?",\"singlestep\":false":"");}
    if (!mt_ref_input_check(r->p, c, a, FALSE, &ref) || (mt_ref_tunables_knows(c) && !mt_ref_tunables_run(r->t, &s2, c, a, &res, &ref))) {
        JsonObject *e = json_object_new(), *w = json_object_new();
        json_object_set_string_member(e, "class", ref.error_class); json_object_set_string_member(e, "desc", ref.desc);
        json_object_set_object_member(w, "error", e);
        mt_ref_refusal_clear(&ref);
        char *l = mt_json_object_to_line(w); json_object_unref(w); return l;
    }
    if (!res) return g_strdup("{\"return\":{}}");
    g_autofree char *l = mt_json_to_line(res); json_node_unref(res);
    return g_strdup_printf("{\"return\": %s}", l);
}
void ref_peer_feed(RefPeer *r, const char *t) { g_auto(GStrv) l = g_strsplit(t,"\n",-1); for (int i=0;l[i];i++) if(*l[i]) g_queue_push_tail(&r->q, one(r,l[i])); }
char *ref_peer_take(RefPeer *r) { return g_queue_pop_head(&r->q); }
