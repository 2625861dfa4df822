// The listener of the founding article, made safe: follows a rule document in Nacos and answers
// GET /version?key=KEY with the version that the key gets; with has=VERSION, once or more often, of those versions only.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/config_client"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	service := setting("SERVICE", "payment-service")
	nacos, err := connect()
	if err != nil {
		return err
	}
	defer nacos.CloseClient()
	follower := &listener{service: service, fallback: setting("FALLBACK_VERSION", "")}
	document := vo.ConfigParam{
		DataId: fmt.Sprintf("canary-rules.%s.json", service),
		Group:  setting("NACOS_GROUP", "CANARY_GROUP"),
	}
	failed := make(chan error, 1)
	go func() {
		if err := follower.follow(ctx, nacos, document); err != nil && ctx.Err() == nil {
			failed <- err
		}
	}()
	server := &http.Server{Handler: handler(follower), ReadHeaderTimeout: 5 * time.Second}
	socket, err := net.Listen("tcp", net.JoinHostPort(setting("HOST", "127.0.0.1"), setting("PORT", "8090")))
	if err != nil {
		return err
	}
	log.Printf("%s: listening on http://%s", service, socket.Addr())
	go func() { failed <- server.Serve(socket) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return server.Shutdown(limit)
	}
}

func handler(follower *listener) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		key, running := query.Get("key"), query["has"]
		version := follower.versionFor(key, func(name string) bool {
			return len(running) == 0 || slices.Contains(running, name)
		})
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]any{"key": key, "version": version}
		if version == "" {
			answer["version"] = nil
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	return mux
}

// connect makes the SDK's client. It returns without waiting for a connection.
func connect() (config_client.IConfigClient, error) {
	servers, err := serversOf(setting("NACOS_URL", "http://127.0.0.1:8848/nacos"))
	if err != nil {
		return nil, err
	}
	// Files of other programs in this folder would be taken for this one's last rules.
	folder := setting("NACOS_CACHE_DIR", "nacos-cache")
	options := []constant.ClientOption{
		constant.WithNamespaceId(setting("NACOS_NAMESPACE", "")),
		constant.WithTimeoutMs(5_000),
		constant.WithCacheDir(folder),
		constant.WithLogDir(folder),
		constant.WithLogLevel("warn"),
	}
	if name := setting("NACOS_USERNAME", ""); name != "" {
		password, err := os.ReadFile(setting("NACOS_PASSWORD_FILE", ""))
		if err != nil {
			return nil, fmt.Errorf("NACOS_PASSWORD_FILE: %w", err)
		}
		options = append(options, constant.WithUsername(name), constant.WithPassword(strings.TrimSpace(string(password))))
	}
	config := constant.NewClientConfig(options...)
	return clients.NewConfigClient(vo.NacosClientParam{ClientConfig: config, ServerConfigs: servers})
}

// serversOf reads addresses as http://nacos:8848/nacos, comma-separated. The SDK also needs the port 1000 above.
func serversOf(addresses string) ([]constant.ServerConfig, error) {
	var servers []constant.ServerConfig
	for _, address := range strings.Split(addresses, ",") {
		parsed, err := url.Parse(address)
		if err != nil || parsed.Hostname() == "" {
			return nil, errors.New("NACOS_URL is an address as http://nacos:8848/nacos, or several with commas")
		}
		port, err := strconv.ParseUint(parsed.Port(), 10, 16)
		if err != nil {
			port = 8848
		}
		servers = append(servers, *constant.NewServerConfig(
			parsed.Hostname(), port, constant.WithContextPath(parsed.Path), constant.WithScheme(parsed.Scheme)))
	}
	return servers, nil
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
