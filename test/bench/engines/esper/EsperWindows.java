import com.espertech.esper.common.client.configuration.Configuration;
import com.espertech.esper.compiler.client.CompilerArguments;
import com.espertech.esper.compiler.client.EPCompilerProvider;
import com.espertech.esper.runtime.client.EPDeployment;
import com.espertech.esper.runtime.client.EPEventService;
import com.espertech.esper.runtime.client.EPRuntime;
import com.espertech.esper.runtime.client.EPRuntimeProvider;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Counts events per key within a time window, and tells a hit with every event with which the count of its key is the least one or more.
 * Arguments: file of events (milliseconds and key, a line each, by time), by how much later they come each time in milliseconds,
 * number of passes, how often the events come in each, length of the window in seconds, least count, and "counts" or "events" for what a hit has: the key and the count, or
 * the events of the key in the window as well. One statement sees all of it, one after another in time, so that the code is warm
 * and the window empty when they begin anew. Prints, of each pass, the hits of its last round and the CPU time of the whole process, which is that of the thread
 * that sends, of the collector and of the compiler.
 */
public final class EsperWindows {
  public static void main(String[] arguments) throws Exception {
    List<String> lines = Files.readAllLines(Path.of(arguments[0]));
    long apart = Long.parseLong(arguments[1]);
    int passes = Integer.parseInt(arguments[2]);
    int rounds = Integer.parseInt(arguments[3]);
    int seconds = Integer.parseInt(arguments[4]);
    int least = Integer.parseInt(arguments[5]);
    boolean withEvents = arguments[6].equals("events");
    long[] times = new long[lines.size()];
    Object[][] events = new Object[lines.size()][];
    for (int index = 0; index < times.length; index += 1) {
      String line = lines.get(index);
      int space = line.indexOf(' ');
      times[index] = Long.parseLong(line.substring(0, space));
      events[index] = new Object[] {line.substring(space + 1)};
    }

    Configuration configuration = new Configuration();
    configuration.getCommon().addEventType("Event", new String[] {"name"}, new Object[] {String.class});
    configuration.getRuntime().getThreading().setInternalTimerEnabled(false);
    configuration.getRuntime().getThreading().setListenerDispatchPreserveOrder(false);
    configuration.getRuntime().getExecution().setDisableLocking(true);
    String told = withEvents ? "name, count(*) as number, window(*) as events" : "name, count(*) as number";
    String epl =
        "@name('hits') select " + told + " from Event#time(" + seconds + " sec) group by name having count(*) >= " + least;

    EPRuntime runtime = EPRuntimeProvider.getRuntime("windows", configuration);
    EPDeployment deployment =
        runtime.getDeploymentService().deploy(EPCompilerProvider.getCompiler().compile(epl, new CompilerArguments(configuration)));
    long[] hits = new long[1];
    deployment.getStatements()[0].addListener(
        (matched, removed, of, by) -> {
          if (matched != null) hits[0] += matched.length;
        });
    EPEventService service = runtime.getEventService();
    OperatingSystemMXBean process = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    for (int pass = 0; pass < passes; pass += 1) {
      long before = process.getProcessCpuTime();
      for (int round = 0; round < rounds; round += 1) {
        hits[0] = 0;
        long begin = ((long) pass * rounds + round) * apart;
        for (int index = 0; index < times.length; index += 1) {
          service.advanceTime(begin + times[index]);
          service.sendEventObjectArray(events[index], "Event");
        }
      }
      double cpu_s = (process.getProcessCpuTime() - before) / 1e9;
      System.out.println("{\"engine\":\"esper\",\"pass\":" + pass + ",\"hits\":" + hits[0] + ",\"cpu_s\":" + cpu_s + "}");
    }
    runtime.destroy();
  }
}
