package org.elasticsearch.node;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.elasticsearch.Build;
import org.elasticsearch.action.admin.cluster.state.ClusterStateResponse;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.core.TimeValue;
import org.elasticsearch.env.Environment;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.MockPluginsService;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.plugins.PluginsService;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.rest.action.RestBuilderListener;
import org.elasticsearch.transport.netty4.Netty4Plugin;
import org.elasticsearch.xcontent.XContentBuilder;

/**
 * A single Elasticsearch node on 127.0.0.1, for tests. It is in Elasticsearch's own package
 * because a node whose plugins come from the class path can only be made from there.
 *
 * <p>Arguments: HOME HTTP_PORT TRANSPORT_PORT [SETTING=VALUE...]. It says "ready URL" on standard
 * output once the cluster is yellow or green, and closes the node on SIGTERM.
 */
public class BongsuTestNode {
    private static final TimeValue STARTING = TimeValue.timeValueSeconds(90);

    /** "GET /" is the work of a module that is not published as a jar: this answers it. */
    public static class RootPlugin extends Plugin implements ActionPlugin {
        @Override
        public Collection<RestHandler> getRestHandlers(
                Settings settings, NamedWriteableRegistry registry, RestController controller,
                ClusterSettings clusterSettings, IndexScopedSettings indexSettings,
                SettingsFilter filter, IndexNameExpressionResolver resolver,
                Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> features) {
            return List.of(new RootHandler());
        }
    }

    private static class RootHandler extends BaseRestHandler {
        @Override
        public String getName() {
            return "bongsu_root";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/"),
                           new Route(RestRequest.Method.HEAD, "/"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            return channel -> client.admin().cluster().prepareState().clear().setMetadata(true)
                .execute(new RestBuilderListener<>(channel) {
                    @Override
                    public RestResponse buildResponse(ClusterStateResponse state,
                                                      XContentBuilder body) throws IOException {
                        return answer(state.getState().metadata().clusterUUID(), client, body);
                    }
                });
        }

        private static RestResponse answer(String uuid, NodeClient client, XContentBuilder body)
                throws IOException {
            body.map(Map.of("name", client.settings().get("node.name"), "cluster_name", "bongsu-test",
                            "cluster_uuid", uuid, "tagline", "You Know, for Search",
                            "version", Map.of("number", Build.current().version(),
                                              "build_flavor", "default")));
            return new RestResponse(RestStatus.OK, body);
        }
    }

    /** Plugins by class: these two, and none that the class path may hold besides. */
    private static class ClassPathServices extends NodeServiceProvider {
        @Override
        PluginsService newPluginService(Environment environment, Settings settings) {
            return new MockPluginsService(settings, environment,
                                          List.of(Netty4Plugin.class, RootPlugin.class));
        }
    }

    private static class SingleNode extends Node {
        SingleNode(Environment environment) {
            super(NodeConstruction.prepareConstruction(environment, new ClassPathServices(), true));
        }
    }

    private static Settings readSettings(Path home, String[] args) {
        Settings.Builder settings = Settings.builder()
            .put("path.home", home.toString())
            .put("cluster.name", "bongsu-test")
            .put("node.name", "node-" + args[1])
            .put("network.host", "127.0.0.1")
            .put("http.port", args[1])
            .put("transport.port", args[2])
            .put("discovery.type", "single-node")
            .put("transport.type", "netty4")
            .put("http.type", "netty4")
            // the machine's disk is nobody's business here; tests set the block themselves
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .put("action.destructive_requires_name", false);
        for (int i = 3; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        return settings.build();
    }

    private static void close(Node node) {
        try {
            node.close();
        } catch (Exception e) {
            System.err.println("not closed in order: " + e);
        }
    }

    public static void main(String[] args) throws Exception {
        if (args.length < 3) {
            System.err.println("arguments: HOME HTTP_PORT TRANSPORT_PORT [SETTING=VALUE...]");
            System.exit(64);
        }
        Path home = Path.of(args[0]).toAbsolutePath();
        for (String folder : List.of("config", "modules", "plugins"))
            Files.createDirectories(home.resolve(folder));
        Settings settings = readSettings(home, args);

        LogConfigurator.loadLog4jPlugins();
        LogConfigurator.configureESLogging();
        LogConfigurator.configureWithoutConfig(settings);
        Node node = new SingleNode(new Environment(settings, home.resolve("config")));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node)));
        node.start();
        node.client().admin().cluster().prepareHealth().setTimeout(STARTING)
            .setWaitForYellowStatus().get();
        System.out.println("ready http://127.0.0.1:" + args[1]);
        Thread.currentThread().join();
    }
}
