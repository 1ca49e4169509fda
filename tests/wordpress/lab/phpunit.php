<?php
/**
 * Runs PHPUnit inside a booted WordPress: php phpunit.php DOCUMENT_ROOT HOST:PORT FOLDER EVENTS_FILE [options].
 *
 * From the top of a file of its own, because WordPress keeps much in variables that are global only there. Each event
 * that the tests see leave the site is added to EVENTS_FILE, one a line.
 */

define( 'RELAY_LAB_EVENTS', $argv[4] );
// Sources that are off register no hooks. Here they are on while the plugin is loaded; each test chooses what is sent.
$GLOBALS['wp_filter']['pre_option_relay_connector_events'][10]['lab'] = array(
	'function'      => static function () {
		return array(
			'sources' => array_fill_keys( array( 'order_changes', 'products', 'stock', 'customers', 'coupons', 'subscriptions', 'posts' ), 1 ),
			'plugins' => array_fill_keys( array( 'jetpack', 'forminator', 'sureforms', 'ws-form', 'everest-forms', 'metform', 'mailpoet', 'kadence-blocks', 'divi', 'bricks' ), 1 ),
		);
	},
	'accepted_args' => 1,
);
require __DIR__ . '/boot.php';
remove_all_filters( 'pre_option_relay_connector_events' );
foreach ( glob( dirname( __DIR__ ) . '/standins/*.php' ) as $relay_lab_file ) {
	require_once $relay_lab_file;
}
do_action( 'before_woocommerce_init' );
standin_fluent_tables();
standin_wsf_table();
standin_mailpoet_table();
standin_wc_types();
require_once 'PHPUnit/Autoload.php';
require_once $argv[3] . '/RelayTestCase.php';
exit( ( new PHPUnit\TextUI\Command() )->run( array_merge( array( 'phpunit' ), array_slice( $argv, 5 ), array( $argv[3] ) ), false ) );
