<?php
/**
 * The choice of a form's fields.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Forms\Form_Plugin;
use Relay_Connector\Events\Leads;

defined( 'ABSPATH' ) || exit;

/**
 * A page of its own for each form, without an entry in the menu: all fields of all forms on one page would be more than
 * PHP takes in one request.
 */
final class Form_Fields_Page {

	const SLUG = 'relay-connector-form';
	const SAVE = 'relay_connector_save_form';

	/**
	 * What the admin has chosen.
	 *
	 * @var Event_Choices
	 */
	private $choices;

	/**
	 * The source of form entries.
	 *
	 * @var Leads
	 */
	private $leads;

	/**
	 * Takes the choices and the source.
	 *
	 * @param Event_Choices $choices What the admin has chosen.
	 * @param Leads         $leads   The source of form entries.
	 */
	public function __construct( Event_Choices $choices, Leads $leads ) {
		$this->choices = $choices;
		$this->leads   = $leads;
	}

	/**
	 * Hooks the page and its button in.
	 */
	public function add_hooks() {
		add_action( 'admin_menu', array( $this, 'add_page' ) );
		add_action( 'admin_head', array( $this, 'hide_from_menu' ) );
		add_filter( 'submenu_file', array( $this, 'highlight_settings_menu' ) );
		add_action( 'admin_enqueue_scripts', array( $this, 'add_styles' ) );
		add_action( 'admin_post_' . self::SAVE, array( $this, 'save' ) );
	}

	/**
	 * The page's address.
	 *
	 * @param string $form The form, as the choices name it.
	 * @return string
	 */
	public static function url( $form ) {
		return admin_url( 'options-general.php?page=' . self::SLUG . '&form=' . rawurlencode( $form ) );
	}

	/**
	 * Adds the page.
	 */
	public function add_page() {
		$title = __( 'Fields of a form', 'relay-connector' );
		add_options_page( $title, $title, Settings_Page::capability(), self::SLUG, array( $this, 'render' ) );
	}

	/**
	 * Takes the page out of the menu, once it is known who may open it.
	 */
	public function hide_from_menu() {
		remove_submenu_page( 'options-general.php', self::SLUG );
	}

	/**
	 * Lets the menu show the settings of Relay as open instead.
	 *
	 * @param string|null $file What the menu would show as open.
	 * @return string|null
	 */
	public function highlight_settings_menu( $file ) {
		global $plugin_page;
		return self::SLUG === $plugin_page ? Settings_Page::SLUG : $file;
	}

	/**
	 * Adds the style sheet, on this page only.
	 *
	 * @param string $screen The screen.
	 */
	public function add_styles( $screen ) {
		if ( 'settings_page_' . self::SLUG === $screen ) {
			wp_enqueue_style( self::SLUG, plugins_url( 'assets/admin.css', RELAY_CONNECTOR_FILE ), array(), RELAY_CONNECTOR_VERSION );
		}
	}

	/**
	 * The page.
	 */
	public function render() {
		$form   = isset( $_GET['form'] ) ? sanitize_text_field( wp_unslash( $_GET['form'] ) ) : '';
		$plugin = $this->plugin_of( $form );
		$fields = $plugin ? $this->fields_of( $plugin, $form ) : array();
		?>
		<div class="wrap relay-connector">
			<h1><?php esc_html_e( 'Fields of a form', 'relay-connector' ); ?></h1>
			<p><a href="<?php echo esc_url( Settings_Page::url() ); ?>">&larr; <?php esc_html_e( 'Back to the settings of Relay', 'relay-connector' ); ?></a></p>
			<?php if ( ! $fields ) : ?>
				<p><?php esc_html_e( 'This form has no fields, or it is not there any more.', 'relay-connector' ); ?></p>
			<?php else : ?>
				<h2><?php echo esc_html( $plugin->title_of( self::id_of( $form ) ) ); ?> (<?php echo esc_html( $plugin->name() ); ?>)</h2>
				<?php $this->render_form( $form, $fields ); ?>
			<?php endif; ?>
		</div>
		<?php
	}

	/**
	 * Keeps what was ticked.
	 */
	public function save() {
		check_admin_referer( self::SAVE );
		if ( ! current_user_can( Settings_Page::capability() ) ) {
			wp_die( esc_html__( 'You may not do this. Ask an administrator of this site.', 'relay-connector' ), 403 );
		}
		$form   = isset( $_POST['form'] ) ? sanitize_text_field( wp_unslash( $_POST['form'] ) ) : '';
		$ticked = isset( $_POST['send'] ) ? array_map( 'sanitize_text_field', (array) wp_unslash( $_POST['send'] ) ) : array(); // safe: array_map() cleans each.
		$plugin = $this->plugin_of( $form );
		if ( $plugin ) {
			$left_out = array();
			foreach ( $this->fields_of( $plugin, $form ) as $field ) {
				if ( Field_Types::is_sendable( $field->type ) && ! in_array( md5( $field->key ), $ticked, true ) ) {
					$left_out[] = $field->key;
				}
			}
			$this->choices->exclude_fields( $form, $left_out );
			Action_Result::store(
				array(
					'passed' => true,
					'title'  => __( 'Saved.', 'relay-connector' ),
					'text'   => __( 'The choice of fields counts from the next entry on.', 'relay-connector' ),
				)
			);
		}
		wp_safe_redirect( Settings_Page::url() );
		exit;
	}

	/**
	 * The fields with their ticks.
	 *
	 * @param string       $form   The form, as the choices name it.
	 * @param Form_Field[] $fields The fields.
	 */
	private function render_form( $form, array $fields ) {
		?>
		<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
			<input type="hidden" name="action" value="<?php echo esc_attr( self::SAVE ); ?>">
			<input type="hidden" name="form" value="<?php echo esc_attr( $form ); ?>">
			<?php wp_nonce_field( self::SAVE ); ?>
			<p><?php esc_html_e( 'Ticked fields are sent, under these names. Fields that are added to the form later are sent too.', 'relay-connector' ); ?></p>
			<fieldset>
				<legend class="screen-reader-text"><?php esc_html_e( 'Fields to send', 'relay-connector' ); ?></legend>
				<?php
				foreach ( $fields as $field ) {
					$this->render_field( $form, $field );
				}
				?>
			</fieldset>
			<?php submit_button( __( 'Save fields', 'relay-connector' ) ); ?>
		</form>
		<?php
	}

	/**
	 * One field. What is no input is not shown; what must not leave the site cannot be ticked.
	 *
	 * @param string     $form  The form, as the choices name it.
	 * @param Form_Field $field The field.
	 */
	private function render_field( $form, Form_Field $field ) {
		$is_secret = Field_Types::is_secret( $field->type );
		if ( ! $is_secret && ! Field_Types::is_sendable( $field->type ) ) {
			return;
		}
		?>
		<label class="relay-connector-tick">
			<input type="checkbox" name="send[]" value="<?php echo esc_attr( md5( $field->key ) ); ?>" <?php checked( ! $is_secret && $this->choices->sends_form_field( $form, $field->key ) ); ?> <?php disabled( $is_secret ); ?>>
			<?php echo esc_html( $field->label ); ?>
			<span class="relay-connector-small">
				<?php
				echo esc_html( rtrim( $field->type, '*' ) );
				if ( $is_secret ) {
					echo esc_html( ' – ' . __( 'never sent', 'relay-connector' ) );
				}
				?>
			</span>
		</label>
		<?php
	}

	/**
	 * The form plugin of a form, if it is there.
	 *
	 * @param string $form The form, as the choices name it.
	 * @return Form_Plugin|null
	 */
	private function plugin_of( $form ) {
		foreach ( $this->leads->plugins() as $plugin ) {
			if ( $plugin->is_active() && 0 === strpos( $form, $plugin->slug() . ':' ) ) {
				return $plugin;
			}
		}
		return null;
	}

	/**
	 * The fields of a form; none when the form plugin cannot say.
	 *
	 * @param Form_Plugin $plugin The form plugin.
	 * @param string      $form   The form, as the choices name it.
	 * @return Form_Field[]
	 */
	private function fields_of( Form_Plugin $plugin, $form ) {
		try {
			return $plugin->fields( self::id_of( $form ) );
		} catch ( \Throwable $error ) {
			return array();
		}
	}

	/**
	 * The form's id in its plugin.
	 *
	 * @param string $form The form, as the choices name it.
	 * @return string
	 */
	private static function id_of( $form ) {
		return (string) substr( $form, strpos( $form, ':' ) + 1 );
	}
}
