/*
 * The core for Node, by Node-API 8. `create(onLanded)` answers with an object of functions; see `sender.d.ts`. Each realm (main thread or
 * worker) has senders of its own.
 */
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdlib.h>

#include "core.h"

typedef struct {
  tc_sender *core;
  napi_threadsafe_function landed;
} sender_t;

enum { MAX_ARGS = 5 };

/* The arguments of a call, and the sender that its function belongs to. */
typedef struct {
  napi_env env;
  size_t count;
  napi_value values[MAX_ARGS];
  sender_t *sender;
} call_t;

static call_t call_of(napi_env env, napi_callback_info info) {
  call_t call = {.env = env, .count = MAX_ARGS};
  void *data = NULL;
  napi_get_cb_info(env, info, &call.count, call.values, NULL, &data);
  call.sender = data;
  return call;
}

static int32_t int_arg(const call_t *call, size_t index) {
  int32_t value = -1;
  if (index < call->count) napi_get_value_int32(call->env, call->values[index], &value);
  return value;
}

static napi_value int_of(napi_env env, int32_t value) {
  napi_value answer;
  napi_create_int32(env, value, &answer);
  return answer;
}

/* Its memory, where it is a typed array of that type; else NULL. JavaScript keeps the array until it has landed. */
static void *array_arg(const call_t *call, size_t index, napi_typedarray_type wanted, size_t *length) {
  bool is_array = false;
  napi_typedarray_type type;
  void *data = NULL;
  if (index >= call->count) return NULL;
  napi_is_typedarray(call->env, call->values[index], &is_array);
  if (!is_array) return NULL;
  napi_get_typedarray_info(call->env, call->values[index], &type, length, &data, NULL, NULL);
  return type == wanted ? data : NULL;
}

/* In a lane: one call into JavaScript for all that has landed since the last one. */
static void notify(void *context) {
  sender_t *sender = context;
  napi_call_threadsafe_function(sender->landed, NULL, napi_tsfn_nonblocking);
}

static void call_landed(napi_env env, napi_value on_landed, void *context, void *data) {
  (void)data;
  /* the realm ends: what is still queued is thrown away, and the sender may be gone */
  if (env == NULL) return;
  sender_t *sender = context;
  uint32_t landed[TC_MAX_LANES];
  tc_seen(sender->core, landed);
  napi_value undefined, args[TC_MAX_LANES];
  napi_get_undefined(env, &undefined);
  for (uint32_t i = 0; i < TC_MAX_LANES; i++) napi_create_uint32(env, landed[i], &args[i]);
  napi_call_function(env, undefined, on_landed, TC_MAX_LANES, args, NULL);
}

static napi_value start(napi_env env, napi_callback_info info) {
  call_t call = call_of(env, info);
  int32_t lanes = int_arg(&call, 0);
  return int_of(env, lanes < 1 ? 0 : tc_start(call.sender->core, (uint32_t)lanes));
}

static napi_value adopt(napi_env env, napi_callback_info info) {
  call_t call = call_of(env, info);
  int32_t reserve = int_arg(&call, 1);
  return int_of(env, tc_adopt(call.sender->core, int_arg(&call, 0), reserve < 0 ? 0 : (uint32_t)reserve));
}

static napi_value shut(napi_env env, napi_callback_info info) {
  call_t call = call_of(env, info);
  tc_shut(call.sender->core, int_arg(&call, 0));
  return NULL;
}

static napi_value release(napi_env env, napi_callback_info info) {
  call_t call = call_of(env, info);
  tc_release(call.sender->core, int_arg(&call, 0));
  return NULL;
}

static napi_value send_batch(napi_env env, napi_callback_info info) {
  call_t call = call_of(env, info);
  int32_t lane = int_arg(&call, 0);
  int32_t count = int_arg(&call, 2);
  size_t slots = 0, results = 0;
  tc_batch batch = {0};
  batch.slots = array_arg(&call, 1, napi_int32_array, &slots);
  batch.bytes = array_arg(&call, 3, napi_uint8_array, &batch.length);
  batch.results = array_arg(&call, 4, napi_int32_array, &results);
  bool is_whole = batch.slots != NULL && batch.bytes != NULL && batch.results != NULL && lane >= 0 && count > 0;
  if (is_whole && ((size_t)count > slots || (size_t)count >= results)) is_whole = false;
  batch.count = is_whole ? (uint32_t)count : 0;
  napi_value answer;
  napi_get_boolean(env, is_whole && tc_send(call.sender->core, (uint32_t)lane, &batch), &answer);
  return answer;
}

static napi_value drain(napi_env env, napi_callback_info info) {
  call_t call = call_of(env, info);
  tc_drain(call.sender->core);
  return NULL;
}

static napi_value stop(napi_env env, napi_callback_info info) {
  call_t call = call_of(env, info);
  tc_stop(call.sender->core);
  return NULL;
}

static napi_value lane_cpu(napi_env env, napi_callback_info info) {
  call_t call = call_of(env, info);
  napi_value answer;
  int32_t lane = int_arg(&call, 0);
  napi_create_double(env, lane < 0 ? 0 : (double)tc_lane_cpu(call.sender->core, (uint32_t)lane) / 1e6, &answer);
  return answer;
}

static napi_value pin(napi_env env, napi_callback_info info) {
  call_t call = call_of(env, info);
  int32_t lane = int_arg(&call, 0);
  return int_of(env, lane < 0 ? -1 : tc_pin(call.sender->core, (uint32_t)lane, int_arg(&call, 1)));
}

/* The realm ends: before its memory, which batches point to, is freed. Runs before the end of the threadsafe function, which is older. */
static void end_lanes(void *arg) {
  sender_t *sender = arg;
  tc_destroy(sender->core);
  sender->core = NULL;
}

static void free_sender(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

static napi_value fail(napi_env env, const char *message) {
  napi_throw_error(env, NULL, message);
  return NULL;
}

static napi_value create(napi_env env, napi_callback_info info) {
  static const struct {
    const char *name;
    napi_callback call;
  } methods[] = {{"start", start},     {"adopt", adopt}, {"shut", shut},       {"release", release}, {"send", send_batch},
                 {"drain", drain},     {"stop", stop},   {"laneCpuMs", lane_cpu}, {"pin", pin}};
  call_t call = call_of(env, info);
  napi_valuetype type = napi_undefined;
  if (call.count > 0) napi_typeof(env, call.values[0], &type);
  if (type != napi_function) return fail(env, "create() takes a function");
  sender_t *sender = calloc(1, sizeof *sender);
  if (sender == NULL) return fail(env, "no memory for a sender");
  sender->core = tc_create(notify, sender);
  napi_value name, answer;
  napi_create_string_utf8(env, "threadcast sender", NAPI_AUTO_LENGTH, &name);
  if (sender->core == NULL ||
      napi_create_threadsafe_function(env, call.values[0], NULL, name, 0, 1, sender, free_sender, sender, call_landed,
                                      &sender->landed) != napi_ok) {
    if (sender->core != NULL) tc_destroy(sender->core);
    free(sender);
    return fail(env, "no memory for a sender");
  }
  /* sockets keep the process alive, the sender does not */
  napi_unref_threadsafe_function(env, sender->landed);
  napi_add_env_cleanup_hook(env, end_lanes, sender);
  napi_create_object(env, &answer);
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    napi_value method;
    napi_create_function(env, methods[i].name, NAPI_AUTO_LENGTH, methods[i].call, sender, &method);
    napi_set_named_property(env, answer, methods[i].name, method);
  }
  return answer;
}

static napi_value descriptor_limit(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value answer;
  napi_create_double(env, (double)tc_descriptor_limit(), &answer);
  return answer;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "create", NAPI_AUTO_LENGTH, create, NULL, &function);
  napi_set_named_property(env, exports, "create", function);
  napi_create_function(env, "descriptorLimit", NAPI_AUTO_LENGTH, descriptor_limit, NULL, &function);
  napi_set_named_property(env, exports, "descriptorLimit", function);
  return exports;
}
