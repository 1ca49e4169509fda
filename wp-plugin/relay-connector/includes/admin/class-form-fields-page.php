<?php
/**
 * The fields of a form.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Forms\Form_Plugin;
use Relay_Connector\Events\Leads;
use Relay_Connector\Events\Sensitive_Fields;

defined( 'ABSPATH' ) || exit;

/**
 * Each form has its own page without a menu entry. All fields of all forms on one page would exceed PHP's
 * max_input_vars.
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
	 * Takes the choices and the event source.
	 *
	 * @param Event_Choices $choices What the admin has chosen.
	 * @param Leads         $leads   The source of form entries.
	 */
	public function __construct( Event_Choices $choices, Leads $leads ) {
		$this->choices = $choices;
		$this->leads   = $leads;
	}

	/**
	 * Registers the page and its handler.
	 */
	public function add_hooks() {
		add_action( 'admin_menu', array( $this, 'add_page' ) );
		add_action( 'admin_enqueue_scripts', array( $this, 'hide_from_menu' ), 0 );
		add_filter( 'submenu_file', array( $this, 'highlight_settings_menu' ) );
		add_action( 'admin_enqueue_scripts', array( $this, 'add_styles' ) );
		add_action( 'admin_post_' . self::SAVE, array( $this, 'save' ) );
	}

	/**
	 * The page's URL.
	 *
	 * @param string $form The form, as "plugin:id".
	 * @return string
	 */
	public static function url( $form ) {
		return admin_url( 'options-general.php?page=' . self::SLUG . '&form=' . rawurlencode( $form ) );
	}

	/**
	 * Adds the page.
	 */
	public function add_page() {
		$title = __( 'Form fields', 'relay-connector' );
		add_options_page( $title, $title, Settings_Page::capability(), self::SLUG, array( $this, 'render' ) );
	}

	/**
	 * Removes the page from the menu, before WordPress lists the menu's pages in its command palette. The capability has been
	 * checked by then.
	 */
	public function hide_from_menu() {
		remove_submenu_page( 'options-general.php', self::SLUG );
	}

	/**
	 * Highlights the menu entry of the settings page instead.
	 *
	 * @param string|null $file The menu entry to highlight.
	 * @return string|null
	 */
	public function highlight_settings_menu( $file ) {
		global $plugin_page;
		return self::SLUG === $plugin_page ? Settings_Page::SLUG : $file;
	}

	/**
	 * Adds the style sheet to this page only.
	 *
	 * @param string $screen The screen's id.
	 */
	public function add_styles( $screen ) {
		if ( 'settings_page_' . self::SLUG === $screen ) {
			wp_enqueue_style( self::SLUG, plugins_url( 'assets/admin.css', RELAY_CONNECTOR_FILE ), array(), RELAY_CONNECTOR_VERSION );
		}
	}

	/**
	 * Prints the page.
	 */
	public function render() {
		$form   = isset( $_GET['form'] ) ? sanitize_text_field( wp_unslash( $_GET['form'] ) ) : ''; // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- Only says which form to show.
		$plugin = $this->plugin_of( $form );
		$fields = $plugin ? $this->fields_of( $plugin, $form ) : array();
		?>
		<div class="wrap relay-connector">
			<h1><?php esc_html_e( 'Form fields', 'relay-connector' ); ?></h1>
			<p><a href="<?php echo esc_url( Settings_Page::url() ); ?>">&larr; <?php esc_html_e( 'Back to the Relay settings', 'relay-connector' ); ?></a></p>
			<?php if ( ! $fields ) : ?>
				<p><?php esc_html_e( 'This form has no fields, or it no longer exists.', 'relay-connector' ); ?></p>
			<?php else : ?>
				<h2><?php echo esc_html( $plugin->title_of( self::id_of( $form ) ) ); ?> (<?php echo esc_html( $plugin->name() ); ?>)</h2>
				<?php $this->render_form( $form, $fields ); ?>
			<?php endif; ?>
		</div>
		<?php
	}

	/**
	 * Saves the selected fields.
	 */
	public function save() {
		check_admin_referer( self::SAVE );
		if ( ! current_user_can( Settings_Page::capability() ) ) {
			wp_die( esc_html__( 'You are not allowed to do this. Ask an administrator of this site.', 'relay-connector' ), 403 );
		}
		$form   = isset( $_POST['form'] ) ? sanitize_text_field( wp_unslash( $_POST['form'] ) ) : '';
		$selected = isset( $_POST['send'] ) ? array_map( 'sanitize_text_field', (array) wp_unslash( $_POST['send'] ) ) : array(); // safe: array_map() cleans each.
		$plugin = $this->plugin_of( $form );
		if ( $plugin ) {
			$left_out  = array();
			$confirmed = array();
			foreach ( $this->fields_of( $plugin, $form ) as $field ) {
				// A disabled checkbox is not submitted; its choice stays.
				$is_selected = $this->is_disabled( $field ) ? $this->choices->sends_form_field( $form, $field->key ) : in_array( md5( $field->key ), $selected, true );
				if ( Field_Types::is_sendable( $field->type ) && ! $is_selected ) {
					$left_out[] = $field->key;
				} elseif ( Sensitive_Fields::is_sensitive( $field ) ) {
					$confirmed[] = $field->key;
				}
			}
			$this->choices->exclude_fields( $form, $left_out );
			$this->choices->confirm_fields( $form, $confirmed );
			Action_Result::store(
				array(
					'passed' => true,
					'title'  => __( 'Saved.', 'relay-connector' ),
					'text'   => __( 'The selection applies from the next entry on.', 'relay-connector' ),
				)
			);
		}
		wp_safe_redirect( Settings_Page::url() );
		exit;
	}

	/**
	 * Prints the fields with their checkboxes.
	 *
	 * @param string       $form   The form, as "plugin:id".
	 * @param Form_Field[] $fields The fields.
	 */
	private function render_form( $form, array $fields ) {
		?>
		<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
			<input type="hidden" name="action" value="<?php echo esc_attr( self::SAVE ); ?>">
			<input type="hidden" name="form" value="<?php echo esc_attr( $form ); ?>">
			<?php wp_nonce_field( self::SAVE ); ?>
			<p><?php esc_html_e( 'Selected fields are sent under these names. Fields added to the form later are sent too.', 'relay-connector' ); ?></p>
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
	 * Prints one field. Fields without input are not shown; fields that are never sent cannot be selected.
	 *
	 * @param string     $form  The form, as "plugin:id".
	 * @param Form_Field $field The field.
	 */
	private function render_field( $form, Form_Field $field ) {
		$is_never_sent = $field->is_never_sent();
		$is_disabled   = $this->is_disabled( $field );
		if ( ! $is_never_sent && ! Field_Types::is_sendable( $field->type ) ) {
			return;
		}
		?>
		<label class="relay-connector-checkbox">
			<input type="checkbox" name="send[]" value="<?php echo esc_attr( md5( $field->key ) ); ?>" <?php checked( ! $is_disabled && $this->choices->sends( $form, $field ) ); ?> <?php disabled( $is_disabled ); ?>>
			<?php echo esc_html( $field->label ); ?>
			<span class="relay-connector-small">
				<?php
				echo esc_html( rtrim( $field->type, '*' ) );
				if ( $is_never_sent ) {
					echo esc_html( ' – ' . __( 'never sent', 'relay-connector' ) );
				} elseif ( $is_disabled ) {
					echo esc_html( ' – ' . __( 'not sent: links to files are excluded in the Relay settings', 'relay-connector' ) );
				} elseif ( Field_Types::FILE === $field->kind ) {
					echo esc_html( ' – ' . __( 'only a link is sent', 'relay-connector' ) );
				}
				?>
			</span>
			<?php if ( ! $is_disabled && Sensitive_Fields::is_sensitive( $field ) ) : ?>
				<span class="relay-connector-warning">
					<span class="dashicons dashicons-warning" aria-hidden="true"></span>
					<?php
					$this->choices->sends( $form, $field )
						? esc_html_e( 'You chose to send this field. Its name suggests a password, a payment card or a bank account: make sure that every destination may receive it.', 'relay-connector' )
						: esc_html_e( 'Its name suggests a password, a payment card or a bank account, so it is not sent until you select it.', 'relay-connector' );
					?>
				</span>
			<?php endif; ?>
		</label>
		<?php
	}

	/**
	 * Whether a field cannot be selected.
	 *
	 * @param Form_Field $field The field.
	 * @return bool
	 */
	private function is_disabled( Form_Field $field ) {
		return $field->is_never_sent() || ( Field_Types::FILE === $field->kind && ! $this->choices->sends_field( Leads::SLUG, Leads::FILES ) );
	}

	/**
	 * The form plugin of a form, if it is active.
	 *
	 * @param string $form The form, as "plugin:id".
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
	 * The fields of a form, or none if the form plugin fails.
	 *
	 * @param Form_Plugin $plugin The form plugin.
	 * @param string      $form   The form, as "plugin:id".
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
	 * @param string $form The form, as "plugin:id".
	 * @return string
	 */
	private static function id_of( $form ) {
		return (string) substr( $form, strpos( $form, ':' ) + 1 );
	}
}
