/* libcurl's easy handles and their options. A handle keeps the options that all requests share from one request to the
 * next: setting them costs more than the rest of a small request does. */
#include "base/limits.h"
#include "io/http/http_internal.h"

static bool set_shared(struct http *http, CURL *easy) {
    bool ok = true;
#define SET(option, value) ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOPROGRESS, 1L);
    SET(CURLOPT_PIPEWAIT, 1L); /* for a connection that may turn out to be shared, rather than open eight */
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, LIMIT_REDIRECTS);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)http->options.connect_timeout_ms);
    SET(CURLOPT_USERAGENT, http->user_agent);
    SET(CURLOPT_HEADERFUNCTION, request_on_header);
    SET(CURLOPT_WRITEFUNCTION, request_on_body);
    SET(CURLOPT_CLOSESOCKETFUNCTION, http_close_socket);
    if (http->options.insecure) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (http->ca_file != NULL) {
        SET(CURLOPT_CAINFO, http->ca_file);
        SET(CURLOPT_CAPATH, NULL); /* else the system's folder counts beside it */
    }
    if (http->cert_file != NULL) {
        SET(CURLOPT_SSLCERT, http->cert_file);
        SET(CURLOPT_SSLKEY, http->key_file != NULL ? http->key_file : http->cert_file);
    }
#undef SET
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, http->buffer_bytes); /* a wish: smaller works as well */
    return ok;
}

CURL *easy_take(struct http *http) {
    if (http->idle_count > 0)
        return http->idle[--http->idle_count];
    CURL *easy = curl_easy_init();
    if (easy == NULL || set_shared(http, easy))
        return easy;
    curl_easy_cleanup(easy);
    return NULL;
}

void easy_give(struct http *http, CURL *easy, bool special) {
    if (!special && http->idle_count < ARRAY_COUNT(http->idle))
        http->idle[http->idle_count++] = easy;
    else
        curl_easy_cleanup(easy);
}

bool easy_prepare(struct http_request *request) {
    CURL *easy = request->easy;
    const struct http_host *host = request->host;
    char range[32];
    bool ok = true;
#define SET(option, value) ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_PRIVATE, request);
    SET(CURLOPT_ERRORBUFFER, request->curl_error);
    SET(CURLOPT_HTTPHEADER, request->auth != NULL ? &request->auth->line : request->headers);
    SET(CURLOPT_HEADERDATA, request);
    SET(CURLOPT_WRITEDATA, request);
    SET(CURLOPT_HTTP_VERSION, (long)(request->may_share ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    SET(CURLOPT_HTTPGET, 1L); /* also takes back the next one, which the handle's last request may have had */
    if (request->head)
        SET(CURLOPT_NOBODY, 1L);
    bool ranged = request->delivered > 0 && !request->range_refused;
    if (ranged)
        (void)snprintf(range, sizeof range, "%" PRIu64 "-", request->delivered);
    SET(CURLOPT_RANGE, ranged ? range : NULL);
    request->special =
        request->form != NULL || request->username != NULL || host->ca_file != NULL || host->cert_file != NULL;
    if (request->form != NULL) {
        SET(CURLOPT_FOLLOWLOCATION, 0L);
        SET(CURLOPT_POSTFIELDS, request->form);
    }
    if (request->username != NULL) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, request->username);
        SET(CURLOPT_PASSWORD, request->password == NULL ? "" : request->password);
    }
    if (host->ca_file != NULL)
        SET(CURLOPT_CAINFO, host->ca_file);
    if (host->cert_file != NULL) {
        SET(CURLOPT_SSLCERT, host->cert_file);
        SET(CURLOPT_SSLKEY, host->key_file != NULL ? host->key_file : host->cert_file);
    }
#undef SET
    return ok;
}
